"""Conversions between common units."""

import re
from dataclasses import dataclass
from fractions import Fraction

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance
from antiphon.providers.local.dialogue.numbers import spoken


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` and `offset` give the value in the base unit of its kind: value * factor + offset."""

    kind: str
    singular: str
    plural: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _units() -> dict[str, Unit]:
    """Every spelling of every unit. Factors are exact by definition (international pound, US gallon)."""
    table = (
        ("length", "meter meters metre metres m", "1"),
        ("length", "kilometer kilometers kilometre kilometres km kms", "1000"),
        ("length", "centimeter centimeters centimetre centimetres cm", "0.01"),
        ("length", "millimeter millimeters millimetre millimetres mm", "0.001"),
        ("length", "inch inches", "0.0254"),
        ("length", "foot feet ft", "0.3048"),
        ("length", "yard yards", "0.9144"),
        ("length", "mile miles", "1609.344"),
        ("length", "nautical_mile nautical_miles", "1852"),
        ("mass", "gram grams g", "1"),
        ("mass", "kilogram kilograms kg kilo kilos", "1000"),
        ("mass", "milligram milligrams mg", "0.001"),
        ("mass", "tonne tonnes", "1000000"),
        ("mass", "ounce ounces oz", "28.349523125"),
        ("mass", "pound pounds lb lbs", "453.59237"),
        ("mass", "stone stones", "6350.29318"),
        ("volume", "liter liters litre litres", "1"),
        ("volume", "milliliter milliliters millilitre millilitres ml", "0.001"),
        ("volume", "gallon gallons", "3.785411784"),
        ("volume", "quart quarts", "0.946352946"),
        ("volume", "pint pints", "0.473176473"),
        ("volume", "cup cups", "0.2365882365"),
        ("volume", "tablespoon tablespoons", "0.01478676478125"),
        ("volume", "teaspoon teaspoons", "0.00492892159375"),
        ("time", "second seconds", "1"),
        ("time", "minute minutes", "60"),
        ("time", "hour hours", "3600"),
        ("time", "day days", "86400"),
        ("time", "week weeks", "604800"),
        ("data", "byte bytes", "1"),
        ("data", "kilobyte kilobytes", "1000"),
        ("data", "megabyte megabytes", "1000000"),
        ("data", "gigabyte gigabytes", "1000000000"),
        ("data", "terabyte terabytes", "1000000000000"),
    )
    units: dict[str, Unit] = {}
    for kind, spellings, factor in table:
        names = [name.replace("_", " ") for name in spellings.split()]
        unit = Unit(kind, names[0], names[1], Fraction(factor))
        units.update(dict.fromkeys(names, unit))
    celsius = Unit("temperature", "degree Celsius", "degrees Celsius", Fraction(1))
    fahrenheit = Unit(
        "temperature", "degree Fahrenheit", "degrees Fahrenheit", Fraction(5, 9), Fraction(-160, 9)
    )
    for degrees in ("", "degree ", "degrees "):
        units.update({f"{degrees}{name}": celsius for name in ("celsius", "centigrade")})
        units[f"{degrees}fahrenheit"] = fahrenheit
    return units


_UNITS = _units()
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_NUMBER = r"-?\d+(?:\.\d+)?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"how (?:many|much) (?P<to>{_UNIT})(?: (?:is|are))?(?: there)? (?:in|is|are|make"
        rf"|to) (?:(?P<n>{_NUMBER}|an?|1) )?(?P<from>{_UNIT})",
        rf"(?:convert|change|turn|what is|what are|how much is|how much are|how hot is|how long is"
        rf"|how far is|how heavy is)?"
        rf" ?(?P<n>{_NUMBER}|an?) (?P<from>{_UNIT}) (?:in|to|into|as) (?P<to>{_UNIT})",
    )
)


def match(utterance: Utterance, context: Context) -> str | None:
    found = next((found for pattern in _PATTERNS if (found := pattern.fullmatch(utterance.digits))), None)
    if found is None:
        return None
    source, target = _UNITS[found["from"]], _UNITS[found["to"]]
    if source.kind != target.kind:
        return f"{source.plural[0].upper()}{source.plural[1:]} can't be converted to {target.plural}."
    number = Fraction(1) if found["n"] in (None, "a", "an") else Fraction(found["n"])
    value = (number * source.factor + source.offset - target.offset) / target.factor
    given = f"{spoken(number)} {source.singular if number == 1 else source.plural}"
    name = target.singular if value == 1 else target.plural
    return f"{given[0].upper()}{given[1:]} is {spoken(value)} {name}."
