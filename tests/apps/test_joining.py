"""What a handshake asks for: a new session, one that runs, or one to go on with."""

import uuid
from dataclasses import replace

import pytest

from apps.conversations.calls import token_digest
from apps.conversations.gateway import Handshake, HandshakeRefused
from apps.conversations.joining import request_of
from apps.keys.authentication import KeyGrant
from apps.keys.models import Scope

GRANT = KeyGrant(
    tenant_id=uuid.UUID(int=1),
    tenant_slug="acme",
    key_id=uuid.UUID(int=2),
    scopes=frozenset(Scope),
    default_model="",
    default_transcription_model="",
    default_speech_model="",
    default_voice="",
)


WITH_CLIENT_SECRET = replace(GRANT, client_secret_id=uuid.UUID(int=3))


def handshake(query: str) -> Handshake:
    headers = [(b"authorization", b"Bearer sk_1_2")]
    return Handshake.of({"path": "/v1/realtime", "headers": headers, "query_string": query.encode()})


def test_a_model_means_a_new_session() -> None:
    assert request_of(handshake("model=local/dialogue"), GRANT) is None


def test_a_call_id_means_a_session_that_runs() -> None:
    request = request_of(handshake("call_id=rtc_1"), GRANT)
    assert request is not None
    assert (request.want, request.call_id, request.tenant_id) == ("attach", "rtc_1", str(GRANT.tenant_id))


def test_a_token_means_the_session_that_it_resumes_and_is_passed_on_as_its_digest() -> None:
    request = request_of(handshake("resume=secret&last_event_id=event_1&model=local/dialogue"), GRANT)
    assert request is not None
    assert (request.want, request.last_event_id) == ("resume", "event_1")
    assert request.token_digest == token_digest("secret")
    assert "secret" not in str(request)


def test_a_client_secret_reaches_no_session_but_its_own() -> None:
    with pytest.raises(HandshakeRefused) as refused:
        request_of(handshake("call_id=rtc_1"), WITH_CLIENT_SECRET)
    assert (refused.value.refused.body.code, refused.value.close_code) == ("insufficient_scope", 3000)
    assert request_of(handshake("resume=secret"), WITH_CLIENT_SECRET) is not None
