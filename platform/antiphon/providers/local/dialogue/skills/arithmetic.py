"""What is twelve times seven?"""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.expressions import NotComputable, evaluate
from antiphon.providers.local.dialogue.normalise import Utterance, words
from antiphon.providers.local.dialogue.numbers import is_number, spoken, to_digits

_QUESTION = re.compile(
    r"^(?:(?:tell me )?(?:what|how much) (?:is|are|does|do|would be|makes?)|calculate|compute"
    r"|work out|solve|figure out"
    r"|how much is|what|how about|what about|tell me)(?: the (?:result|value) of)? "
)
_CLOSING = re.compile(r" (?:equals?|=|make|makes|is|equal to what|equals? what|is what)$")
_COMMANDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), infix)
    for pattern, infix in (
        (r"^add (.+?) (?:and|to|plus) (.+)$", r"\1 + \2"),
        (r"^subtract (.+?) from (.+)$", r"\2 - \1"),
        (r"^multiply (.+?) (?:by|and|with|times) (.+)$", r"\1 * \2"),
        (r"^divide (.+?) by (.+)$", r"\1 / \2"),
        (r"^(?:the )?sum of (.+?) and (.+)$", r"\1 + \2"),
        (r"^(?:the )?product of (.+?) and (.+)$", r"\1 * \2"),
        (r"^(?:the )?difference between (.+?) and (.+)$", r"\1 - \2"),
        (r"^(?:the )?factorial of (.+)$", r"\1 factorial"),
        (r"^square (?!root)(.+)$", r"\1 squared"),
        (r"^(?:take |and |then )?(?:(?:that|it) )?(plus|times|minus|divided by) (.+)$", r"that \1 \2"),
        (r"^(multiply|divide) (?:that|it) by (.+)$", r"that \1 \2"),
    )
)


def match(utterance: Utterance, context: Context) -> str | None:
    expression = _CLOSING.sub("", _QUESTION.sub("", utterance.digits))
    for pattern, infix in _COMMANDS:
        expression = pattern.sub(infix, expression)
    expression = expression.replace("multiply", "times").replace("that divide ", "that divided by ")
    tokens = expression.split()
    if tokens[:1] == ["that"]:
        before = _last_number(context)
        tokens = [before, *tokens[1:]] if before else tokens
    try:
        result = evaluate(tokens)
    except NotComputable as refusal:
        return str(refusal)
    if result is None:
        return None
    value = spoken(result.value)
    if not result.exact and not value.startswith("about "):
        value = f"about {value}"
    return f"{result.expression[0].upper()}{result.expression[1:]} is {value}."


def _last_number(context: Context) -> str | None:
    """The number at the end of the last answer, which "times two" goes on from."""
    said = to_digits(words(context.last_said))
    return said[-1] if said and is_number(said[-1]) else None
