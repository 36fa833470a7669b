"""Numbers, dates, times and amounts in words."""

import pytest

from antiphon.providers.local.g2p.numbers import cardinal, ordinal, year
from antiphon.providers.local.g2p.quantities import write_out


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (15, "fifteen"),
        (18, "eighteen"),
        (40, "forty"),
        (342, "three hundred forty two"),
        (1_000_001, "one million one"),
        (2 * 10**15, "two quadrillion"),
    ],
)
def test_cardinals(number: int, words: str):
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (12, "twelfth"), (20, "twentieth"), (23, "twenty third"), (100, "one hundredth")],
)
def test_ordinals(number: int, words: str):
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1999, "nineteen ninety nine"),
        (1905, "nineteen oh five"),
        (1900, "nineteen hundred"),
        (2000, "two thousand"),
        (2007, "two thousand seven"),
        (2026, "twenty twenty six"),
    ],
)
def test_years(number: int, words: str):
    assert year(number) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("3.50", "three point five zero"),
        ("1,000,000", "one million"),
        ("007", "zero zero seven"),
        ("12345678", "one two three four five six seven eight"),
        ("2.0.1", "two point zero point one"),
        (".5", "zero point five"),
        ("-5", "minus five"),
        ("3-5 days", "three to five days"),
        ("21st", "twenty first"),
        ("the 1990s", "the nineteen nineties"),
        ("the '80s", "the eighties"),
        ("24/7", "twenty four seven"),
        ("1/2", "one half"),
        ("3/4", "three quarters"),
        ("2 1/2", "two and one half"),
        ("2:1", "two to one"),
        ("2x4", "two by four"),
        ("BA2490", "BA two four nine zero"),
        ("100%", "one hundred percent"),
        ("9" * 5000, " ".join(["nine"] * 5000)),
    ],
)
def test_plain_numbers(written: str, words: str):
    assert " ".join(write_out(written).split()) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("3:45 pm", "three forty five P M"),
        ("3:05 PM", "three oh five P M"),
        ("at 9 a.m. tomorrow", "at nine A M tomorrow"),
        ("at 9 a.m. We open", "at nine A M . We open"),
        ("9am", "nine A M"),
        ("3:00", "three o'clock"),
        ("15:00", "fifteen hundred"),
        ("15:30", "fifteen thirty"),
        ("10:20:01", "ten twenty and one second"),
    ],
)
def test_times(written: str, words: str):
    assert " ".join(write_out(written).split()) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-07-04", "july fourth, twenty twenty six"),
        ("7/4/2026", "july fourth, twenty twenty six"),
        ("25/12/2026", "december twenty fifth, twenty twenty six"),
        ("July 4, 2026", "july fourth, twenty twenty six"),
        ("on the 4th of July", "on july fourth"),
        ("Jan. 5", "january fifth"),
        ("March 3rd", "march third"),
        ("July 2026", "July twenty twenty six"),
        ("13/13/2026", "thirteen / thirteen / twenty twenty six"),
    ],
)
def test_dates(written: str, words: str):
    assert " ".join(write_out(written).split()).replace(" ,", ",") == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("$1", "one dollar"),
        ("$3.50", "three dollars and fifty cents"),
        ("$0.99", "ninety nine cents"),
        ("$0", "zero dollars"),
        ("$1,000.00", "one thousand dollars"),
        ("$1.2 million", "one point two million dollars"),
        ("$5k", "five thousand dollars"),
        ("£3.05", "three pounds and five pence"),
        ("20 €", "twenty euros"),
        ("1 USD", "one dollar"),
    ],
)
def test_money(written: str, words: str):
    assert " ".join(write_out(written).split()) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("5 kg", "five kilograms"),
        ("1 mph", "one mile per hour"),
        ("1 ft", "one foot"),
        ("20°C", "twenty degrees celsius"),
        ("16GB", "sixteen gigabytes"),
        ("4K", "four K"),
    ],
)
def test_units(written: str, words: str):
    assert " ".join(write_out(written).split()) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("555-1234", "five five five, one two three four"),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("+49 30 1234567", "plus four nine, three zero, one two three four five six seven"),
    ],
)
def test_telephone_numbers(written: str, words: str):
    assert " ".join(write_out(written).split()) == words
