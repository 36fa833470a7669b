"""The beta's REST endpoints: a flat session in, the same with a client secret in it out."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from openai.types.beta.realtime import SessionCreateResponse, TranscriptionSession

from apps.conversations import runtime
from apps.conversations.gateway import Handshake, authorise, dialect_of, open_session
from tests.cast import Person

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = "/v1/realtime/sessions"
TRANSCRIPTION_SESSIONS = "/v1/realtime/transcription_sessions"
LIFETIME = "client_secret.expires_after"
Mint = Callable[..., HttpResponse]


@pytest.fixture
def mint(alice: Person) -> Mint:
    """Posts with Alice's key, and the header that OpenAI's client sends along."""
    key = alice.make_key().text

    def post(path: str, body: object = None) -> HttpResponse:
        headers = {"authorization": f"Bearer {key}", "openai-beta": "assistants=v2"}
        return Client().post(path, body or {}, content_type="application/json", headers=headers)

    return post


def test_it_works(mint: Mint) -> None:
    before = int(timezone.now().timestamp())
    response = mint(SESSIONS, {"modalities": ["text", "audio"], "voice": "ash", "temperature": 0.7})
    assert response.status_code == 200
    session = response.json()
    assert session["object"] == "realtime.session"
    assert session["client_secret"]["value"].startswith("ek_")
    assert before + 600 <= session["client_secret"]["expires_at"] <= before + 630
    assert (session["modalities"], session["voice"]) == (["text", "audio"], "ash")
    assert session["temperature"] == 0.7
    assert session["turn_detection"]["type"] == "server_vad"
    SessionCreateResponse.model_validate_json(response.content, strict=True)


def test_a_transcription_session_is_one(mint: Mint) -> None:
    settings = {"input_audio_format": "g711_ulaw", "input_audio_transcription": {"model": "whisper-1"}}
    response = mint(TRANSCRIPTION_SESSIONS, settings)
    assert response.status_code == 200
    session = response.json()
    assert session["object"] == "realtime.transcription_session"
    assert session["client_secret"]["value"].startswith("ek_")
    assert {name: session[name] for name in settings} == settings
    TranscriptionSession.model_validate_json(response.content, strict=True)


@pytest.mark.parametrize(
    ("path", "name"), [(SESSIONS, "expires_after"), (TRANSCRIPTION_SESSIONS, "expires_at")]
)
def test_the_secret_lives_as_long_as_is_asked_for(mint: Mint, path: str, name: str) -> None:
    before = int(timezone.now().timestamp())
    body = {"client_secret": {name: {"anchor": "created_at", "seconds": 60}}}
    expires_at = mint(path, body).json()["client_secret"]["expires_at"]
    assert before + 60 <= expires_at <= before + 90


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"temperature": 3}, "invalid_value", "temperature"),
        ({"turn_detection": {"threshold": 2}}, "invalid_value", "turn_detection.threshold"),
        ({"voice": 7}, "invalid_type", "voice"),
        (
            {"client_secret": {"expires_after": {"seconds": 1}}},
            "invalid_value",
            "client_secret.expires_after.seconds",
        ),
        ({"model": "no/such"}, "invalid_model", "session.model"),
    ],
)
def test_a_bad_setting_is_refused(mint: Mint, body: dict[str, Any], code: str, param: str) -> None:
    response = mint(SESSIONS, body)
    assert response.status_code == 400
    error = json.loads(response.content)["error"]
    assert (error["code"], error["param"]) == (code, param)


async def test_who_connects_with_the_secret_has_that_session_and_speaks_the_beta(mint: Mint) -> None:
    body = {"instructions": "Only say yes.", "turn_detection": None, "output_audio_format": "g711_ulaw"}
    response = await database_sync_to_async(mint)(SESSIONS, body)
    handshake = connecting(response.json()["client_secret"]["value"])
    assert handshake.dialect == "undeclared"
    grant = await authorise(handshake)
    assert dialect_of(handshake, grant) == "beta"
    models = (await runtime.inference()).models_for(grant.default_model)
    session = (await open_session(handshake, grant, models)).session
    assert session.instructions == "Only say yes."
    assert session.audio.input.turn_detection is None
    assert session.audio.output.format.__struct_config__.tag == "audio/pcmu"


async def test_who_connects_with_a_secret_of_the_present_protocol_declares_nothing(mint: Mint) -> None:
    body = {"session": {"type": "realtime", "dialect": "beta"}}
    response = await database_sync_to_async(mint)("/v1/realtime/client_secrets", body)
    handshake = connecting(response.json()["value"])
    assert dialect_of(handshake, await authorise(handshake)) == "undeclared"


def connecting(secret: str) -> Handshake:
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    return Handshake.of({"path": "/v1/realtime", "headers": headers, "query_string": b""})
