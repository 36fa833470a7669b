"""What is said of a server, and what it says, without the key."""

import pytest

from antiphon.providers.base.endpoint import BASIC, Endpoint, KeyHeader

KEY = "gsk-0123456789abcdef"
ENDPOINT = Endpoint("https://api.example.com/v1", KEY)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"No such key: {KEY}.", "No such key: ***."),
        (f"{KEY}{KEY} twice", "*** twice"),
        ("It begins with gsk-01234567", "It begins with ***"),
        ("It ends in 456789abcdef!", "It ends in ***!"),
        ("Somewhere 56789abcd within", "Somewhere *** within"),
        ("It ends in cdef.", "It ends in cdef."),
        ("Nothing of it", "Nothing of it"),
        ("", ""),
    ],
)
def test_what_a_server_says_is_shown_without_the_key_or_much_of_it(said: str, shown: str) -> None:
    assert ENDPOINT.redact(said) == shown


def test_a_short_key_is_hidden_whole() -> None:
    assert Endpoint("https://api.example.com/v1", "abc").redact("abc, ab") == "***, ab"


def test_without_a_key_there_is_nothing_to_hide() -> None:
    assert Endpoint("https://api.example.com/v1").redact("abc") == "abc"


def test_the_key_goes_with_what_the_vendor_wants_before_it() -> None:
    assert Endpoint("https://a.example/v1", KEY, BASIC).headers == {"Authorization": f"Basic {KEY}"}
    assert Endpoint("https://a.example/v1", KEY, KeyHeader("x-api-key", "")).headers == {"x-api-key": KEY}
