"""`{{name}}` in an agent's texts: which there are, and what clients put in their place."""

import re
from collections.abc import Mapping, Sequence

from apps.agents.spec import Variable

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BOOLEANS = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
LONGEST_VALUE = 4_000  # characters


class BadVariables(Exception):
    """What a client brought does not fill the agent's variables; the message says which and why."""


def names_in(text: str) -> set[str]:
    return set(_PLACE.findall(text))


def read_value(variable: Variable, text: str) -> str | None:
    """The value as it goes into the text; None for one that is not of the variable's type."""
    match variable.type:
        case "boolean":
            return _BOOLEANS.get(text.strip().lower())
        case "number":
            return text.strip() if _NUMBER.fullmatch(text.strip()) else None
        case "text":
            return text


def values_of(variables: Sequence[Variable], given: Mapping[str, str]) -> dict[str, str]:
    """What each variable stands for. Names that the agent does not have are ignored, since another of its versions
    may. Raises BadVariables."""
    missing = [v.name for v in variables if v.required and not v.default and v.name not in given]
    if missing:
        raise BadVariables(
            f"This agent needs {_listed(missing)}: give each as `var.<name>=...` in the URL, or in "
            "`session.providerData.antiphon.variables` of the client secret."
        )
    return {variable.name: _value(variable, given.get(variable.name)) for variable in variables}


def filled(text: str, values: Mapping[str, str]) -> str:
    """What has no value stays as it is."""
    return _PLACE.sub(lambda place: values.get(place.group(1), place.group()), text)


def _value(variable: Variable, given: str | None) -> str:
    text = variable.default if given is None else given
    if not text:
        return ""
    if len(text) > LONGEST_VALUE:
        raise BadVariables(f"The variable {variable.name!r} has more than {LONGEST_VALUE:,} characters.")
    value = read_value(variable, text)
    if value is None:
        raise BadVariables(f"The variable {variable.name!r} is a {variable.type}; {text[:40]!r} is none.")
    return value


def _listed(names: Sequence[str]) -> str:
    return ("the variable " if len(names) == 1 else "the variables ") + ", ".join(
        repr(name) for name in names
    )
