"""How a client connects tells which dialect it speaks, and holds its key in one of many wrappings."""

import base64

import pytest

from apps.conversations.dialects import dialect_name
from apps.keys.credentials import key_from_headers, unwrapped

KEY = "sk_0123456789ab_" + "x" * 40


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("realtime=v1", "beta"),
        ("assistants=v2, realtime=v1", "beta"),
        ("assistants=v2", "undeclared"),
        ("realtime=v10", "undeclared"),
        ("", "undeclared"),
    ],
)
def test_the_beta_is_a_token_of_a_header(header: str, expected: str) -> None:
    assert dialect_name("/v1/realtime", {"openai-beta": header}, {}, ()) == expected


def test_the_beta_is_a_subprotocol() -> None:
    offered = ("realtime", "openai-insecure-api-key.x", "openai-beta.realtime-v1")
    assert dialect_name("/v1/realtime", {}, {"model": ["m"]}, offered) == "beta"


@pytest.mark.parametrize("path", ["/api/v1/realtime/session", "/api/v1/realtime/session/"])
def test_inworld_is_a_path(path: str) -> None:
    assert dialect_name(path, {}, {"key": ["voice-1"], "protocol": ["realtime"]}, ()) == "inworld"


def test_inworld_is_a_token_in_the_url() -> None:
    assert dialect_name("/v1/realtime", {}, {"token": ["t"]}, ()) == "inworld"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {KEY}",
        f"bearer  {KEY} ",
        f"Basic {KEY}",
        f"Basic {encoded(KEY)}",
        f"Basic {encoded(KEY).rstrip('=')}",
        f"Basic {encoded(KEY + ':')}",
        f"Basic {encoded(':' + KEY)}",
        f"Basic {encoded('id:' + KEY)}",
        f"Basic {encoded(KEY + ':secret')}",
        f"Bearer {encoded(KEY)}",
    ],
)
def test_a_key_is_found_in_an_authorization_header(authorization: str) -> None:
    assert key_from_headers({"authorization": authorization}) == KEY


def test_a_key_is_found_in_azures_header() -> None:
    assert key_from_headers({"api-key": KEY}) == KEY


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"authorization": "Digest x"}]
)
def test_no_key_is_none(headers: dict[str, str]) -> None:
    assert key_from_headers(headers) is None


@pytest.mark.parametrize("credentials", ["abc", "sk-proj-x", "é", "////", encoded("id:secret"), "a.b.c"])
def test_credentials_without_a_key_of_ours_stay_as_they_are(credentials: str) -> None:
    assert unwrapped(credentials) == credentials
