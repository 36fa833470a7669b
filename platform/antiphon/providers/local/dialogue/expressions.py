"""Arithmetic on words: a small expression parser over exact fractions.

The grammar, loosest first: sums, products, prefixes ("square root of"), powers, postfixes ("squared",
"percent").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from antiphon.providers.local.dialogue.numbers import LARGEST, TooLarge, is_number, spoken

_MOST_FACTORIAL = 40  # more than can be said

# Spoken forms, longest first, with the symbol that the parser sees.
_OPERATORS: tuple[tuple[tuple[str, ...], str], ...] = tuple(
    (tuple(words.split()), symbol)
    for words, symbol in (
        ("to the power of", "^"),
        ("to the power", "^"),
        ("raised to", "^"),
        ("the square root of", "sqrt"),
        ("square root of", "sqrt"),
        ("square root", "sqrt"),
        ("root of", "sqrt"),
        ("the cube root of", "cbrt"),
        ("cube root of", "cbrt"),
        ("multiplied by", "*"),
        ("multiplied with", "*"),
        ("divided by", "/"),
        ("take away", "-"),
        ("a third of", "third"),
        ("1 third of", "third"),
        ("a quarter of", "quarter"),
        ("1 quarter of", "quarter"),
        ("3 quarters of", "three quarters"),
        ("half of", "half"),
        ("a half of", "half"),
        ("half", "half"),
        ("double", "double"),
        ("twice", "double"),
        ("triple", "triple"),
        ("percent of", "%*"),
        ("per cent of", "%*"),
        ("% of", "%*"),
        ("percent", "%"),
        ("per cent", "%"),
        ("%", "%"),
        ("squared", "squared"),
        ("cubed", "cubed"),
        ("factorial", "!"),
        ("plus", "+"),
        ("added to", "+"),
        ("minus", "-"),
        ("less", "-"),
        ("times", "*"),
        ("over", "/"),
        ("modulo", "mod"),
        ("mod", "mod"),
        ("+", "+"),
        ("-", "-"),
        ("*", "*"),
        ("x", "*"),
        ("×", "*"),
        ("/", "/"),
        ("÷", "/"),
        ("^", "^"),
    )
)
_SPOKEN = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided by",
    "^": "to the power of",
    "mod": "modulo",
    "%": "percent",
    "%*": "percent of",
    "sqrt": "the square root of",
    "cbrt": "the cube root of",
    "half": "half of",
    "third": "a third of",
    "quarter": "a quarter of",
    "three quarters": "three quarters of",
    "double": "double",
    "triple": "triple",
    "squared": "squared",
    "cubed": "cubed",
    "!": "factorial",
}
_PREFIXES: dict[str, Fraction] = {
    "half": Fraction(1, 2),
    "third": Fraction(1, 3),
    "quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
    "double": Fraction(2),
    "triple": Fraction(3),
}
_MOST_DIGITS = 300  # of an exact power, and within what a float can hold

Token = Fraction | str


class NotComputable(Exception):
    """The expression has no value; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """An expression as it is spoken, and its value; `exact` is false for irrational roots and powers."""

    expression: str
    value: Fraction
    exact: bool


def evaluate(words: Sequence[str]) -> Result | None:
    """Computes normalised words with numbers in digits. None if they are not an expression with an operator.

    Raises NotComputable, and TooLarge as soon as a value could not be spoken.
    """
    tokens = _tokens(words)
    if tokens is None or not any(isinstance(token, str) for token in tokens):
        return None
    parser = _Parser(tokens)
    try:
        value = parser.sum()
    except _SyntaxError:
        return None
    if parser.at != len(tokens):
        return None
    expression = " ".join(
        _SPOKEN[token] if isinstance(token, str) else spoken(token, places=12) for token in tokens
    )
    return Result(expression, value, parser.exact)


def _tokens(words: Sequence[str]) -> list[Token] | None:
    tokens: list[Token] = []
    at = 0
    while at < len(words):
        spelled = next((one for one in _OPERATORS if tuple(words[at : at + len(one[0])]) == one[0]), None)
        if spelled is not None:
            tokens.append(spelled[1])
            at += len(spelled[0])
            continue
        if not is_number(words[at]):
            return None
        value = Fraction(words[at])
        if value < 0 and tokens and _ends_operand(tokens[-1]):
            tokens.append("-")
            value = -value
        tokens.append(value)
        at += 1
    return tokens


def _ends_operand(token: Token) -> bool:
    return isinstance(token, Fraction) or token in ("squared", "cubed", "%", "!")


class _SyntaxError(Exception):
    """The tokens are not an expression."""


@dataclass(slots=True)
class _Parser:
    tokens: Sequence[Token]
    at: int = 0
    exact: bool = field(default=True)

    def sum(self) -> Fraction:
        value = self._product()
        while operator := self._accept("+", "-"):
            right = self._product()
            value = _sayable(value + right if operator == "+" else value - right)
        return value

    def _product(self) -> Fraction:
        value = self._prefixed()
        while operator := self._accept("*", "/", "mod", "%*"):
            right = self._prefixed()
            if operator in ("/", "mod") and right == 0:
                raise NotComputable("That can't be done: nothing can be divided by zero.")
            match operator:
                case "*":
                    value = _sayable(value * right)
                case "%*":
                    value = _sayable(value * right / 100)
                case "/":
                    value = _sayable(value / right)
                case _:
                    value %= right
        return value

    def _prefixed(self) -> Fraction:
        if root := self._accept("sqrt", "cbrt"):
            return self._power(self._prefixed(), Fraction(1, 2 if root == "sqrt" else 3))
        if prefix := self._accept(*_PREFIXES):
            return self._prefixed() * _PREFIXES[prefix]
        base = self._postfixed()
        return self._power(base, self._prefixed()) if self._accept("^") else base

    def _postfixed(self) -> Fraction:
        if self.at == len(self.tokens) or isinstance(self.tokens[self.at], str):
            raise _SyntaxError
        value = Fraction(self.tokens[self.at])
        self.at += 1
        while postfix := self._accept("squared", "cubed", "%", "!"):
            if postfix == "%":
                value /= 100
            elif postfix == "!":
                value = self._factorial(value)
            else:
                value = self._power(value, Fraction(2 if postfix == "squared" else 3))
        return value

    def _accept(self, *symbols: str) -> str | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if isinstance(token, str) and token in symbols:
            self.at += 1
            return token
        return None

    def _factorial(self, value: Fraction) -> Fraction:
        if value.denominator != 1 or value < 0:
            raise NotComputable("A factorial needs a whole number that is not negative.")
        return _sayable(Fraction(math.factorial(min(int(value), _MOST_FACTORIAL))))

    def _power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if base == 0 and exponent < 0:
            raise NotComputable("That can't be done: nothing can be divided by zero.")
        if base < 0 and exponent.denominator % 2 == 0:
            raise NotComputable("A negative number has no real square root.")
        # Sizes are estimated before anything is computed, so that no spoken tower of powers takes long.
        largest = max(_digits(base.numerator), _digits(base.denominator))
        size = abs(_digits(base.numerator) - _digits(base.denominator))
        if size * abs(exponent) > _digits(LARGEST):
            raise TooLarge("That number is too large for me to say.")
        if exponent.denominator == 1 and abs(exponent) * largest <= _MOST_DIGITS:
            return base**exponent.numerator
        root = _exact_root(base, exponent.denominator) if largest <= _MOST_DIGITS else None
        if root is not None and exponent.denominator > 1:
            return self._power(root, Fraction(exponent.numerator))
        self.exact = False
        sign = -1 if base < 0 and exponent.numerator % 2 else 1
        return sign * Fraction(abs(float(base)) ** float(exponent))


def _sayable(value: Fraction) -> Fraction:
    if abs(value) > LARGEST:
        raise TooLarge("That number is too large for me to say.")
    return value


def _digits(number: int) -> float:
    """The decimal logarithm of a number's size; it has none that matters if it is zero."""
    return math.log10(abs(number)) if number else 0.0


def _exact_root(base: Fraction, degree: int) -> Fraction | None:
    sign = -1 if base < 0 else 1
    numerator = round(abs(base.numerator) ** (1 / degree))
    denominator = round(base.denominator ** (1 / degree))
    root = sign * Fraction(numerator, denominator)
    return root if root**degree == base else None
