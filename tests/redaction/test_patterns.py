"""Personal data is found as written and as spoken, and what only looks like it is left alone."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.redaction import KINDS, Patterns, Span, find, redact
from antiphon.redaction.checksums import iban_is_valid, luhn_is_valid


def redacted(text: str, *kinds: str) -> str:
    return redact(text, find(text, kinds or KINDS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to alice.b+c@example.co.uk, please.", "Write to [email], please."),
        ("It's john dot smith at example dot com, okay?", "It's [email], okay?"),
        ("my mail is j o h n four two at gmail.com", "my mail is [email]"),
        ("anna punkt meier ät gmx punkt de", "[email]"),
        ("Card: 4111 1111 1111 1111, until 12/27", "Card: [card], until 12/27"),
        ("four one one one, one one one one, one one one one, one one one one.", "[card]."),
        ("it is four one double one eleven eleven one one one one one one one one", "it is [card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 danke", "IBAN [iban] danke"),
        (
            "D E acht neun drei sieben null vier null null vier vier null fünf drei zwei null "
            "eins drei null null null",
            "[iban]",
        ),
        ("SSN 123-45-6789", "SSN [us_ssn]"),
        ("my social is one two three four five six seven eight nine", "my social is [us_ssn]"),
        ("call me at +49 170 1234567", "call me at [phone]"),
        ("(415) 555-2671", "[phone]"),
        ("five five five, oh one, double zero", "[phone]"),
        ("Nummer ist null eins sieben null, drei zwei eins, vier fünf sechs", "Nummer ist [phone]"),
        ("0170 1234567 bitte", "[phone] bitte"),
        ("the server is 192.168.1.10", "the server is [ip_address]"),
        ("one ninety two dot one six eight dot one dot ten", "[ip_address]"),
        ("fe80::1ff:fe23:4567:890a", "[ip_address]"),
        ("I was born on March 3rd, 1985", "I was born on [date_of_birth]"),
        ("born the third of march nineteen eighty five", "born [date_of_birth]"),
        ("geboren am 3.4.1985", "geboren am [date_of_birth]"),
        ("go to www.example.com/a?b=1.", "go to [url]."),
        ("visit example dot com slash help", "visit [url]"),
    ],
)  # fmt: skip
def test_it_is_found_as_written_and_as_spoken(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "In 2019, 2020 and 2021 we sold 1,234,567 units for $12,500.00.",
        "My order number is 12345678, not 87654321.",
        "order five five one two nine eight four",
        "one two three four five six seven eight",
        "I need twenty five of them and two hundred of the others.",
        "Room 101, floor 3, 2 people, 14:30.",
        "The price is 19.99 dollars at 5 pm.",
        "We run version 1.2.3.4 now.",
        "on 3.4.2021 we met",
        "Look at the dot on the map.",
        "4111 1111 1111 1112 is no card",
        "DE89 3704 0044 0532 0130 01 is no account",
        "I paid 300 euros and 50 cents on the 3rd",
        "",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    kinds = [kind for kind in KINDS if kind != "phone"] if "is no" in text else list(KINDS)
    assert redacted(text, *kinds) == text


def test_only_what_was_asked_for_is_found() -> None:
    text = "a@example.com, 4111 1111 1111 1111"
    assert redacted(text, "card") == "a@example.com, [card]"
    assert redacted(text, "unheard of") == text


def test_what_lies_over_something_else_is_struck_out_whole() -> None:
    assert redacted("https://example.com/?mail=a@example.com&x=1") == "[email]"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**14 - 1), st.sampled_from([" ", "-", "", ", "]))
def test_every_card_is_found(body: int, between: str) -> None:
    digits = f"4{body:014d}"
    digits += next(d for d in string.digits if luhn_is_valid(digits + d))
    written = between.join(digits[at : at + 4] for at in range(0, 16, 4))
    assert redacted(f"It is {written}.", "card") == "It is [card]."


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**18 - 1))
def test_every_german_account_is_found(body: int) -> None:
    check = next(f"{n:02d}" for n in range(2, 99) if iban_is_valid(f"DE{n:02d}{body:018d}"))
    iban = f"DE{check}{body:018d}"
    written = " ".join(iban[at : at + 4] for at in range(0, 22, 4))
    for text in (iban, written):
        assert redacted(f"to {text} now", "iban") == "to [iban] now"


_SPEECH = st.lists(
    st.sampled_from(["one", "zwei", "555", "1", "at", "dot", "com", "+", "a@b.de", "hello", "born", ".", ",", "$"]),
    max_size=40,
).map(" ".join)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.text(max_size=200), _SPEECH))
def test_spans_are_in_order_and_none_is_over_another(text: str) -> None:
    spans = Patterns().find(text, list(KINDS))
    ends = [0, *(span.end for span in spans)]
    assert all(isinstance(span, Span) and span.start < span.end <= len(text) for span in spans)
    assert all(span.start >= end for span, end in zip(spans, ends, strict=False))


@pytest.mark.parametrize("text", ["1 2 3 ", "a ", "a.a-", "one ", " ", "a at ", "one dot ", "dE 1 "])
def test_no_text_takes_long(text: str) -> None:
    """Where patterns try every way to read a text, this never ends."""
    assert len(find(text * 2000, list(KINDS))) <= 2000
