"""Minting client secrets by REST, what is kept of them, and what they open."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from openai.types.realtime import ClientSecretCreateResponse

from apps.conversations import runtime
from apps.conversations.gateway import (
    BAD_KEY,
    BAD_REQUEST,
    Handshake,
    HandshakeRefused,
    authorise,
    open_session,
)
from apps.core.headers import header_text
from apps.core.tenancy import tenant_context
from apps.keys import secrets
from apps.keys.authentication import KeyGrant, KeyRefused, api_key_authenticate, authenticate
from apps.keys.models import ApiKey, ClientSecret, Scope
from apps.keys.services import KEEP_EXPIRED, api_key_revoke, client_secret_create, client_secret_for_person
from apps.keys.tasks import purge_client_secrets
from apps.tenants.models import Membership, Role
from apps.tenants.selectors import PersonalMembership, membership_lookup
from tests.cast import Person, member_of

pytestmark = pytest.mark.django_db(transaction=True)

Mint = Callable[..., HttpResponse]
PATH = "/v1/realtime/client_secrets"


@pytest.fixture
def key(alice: Person) -> str:
    return alice.make_key().text


@pytest.fixture
def mint(key: str) -> Mint:
    """Posts with Alice's key; `body` is anything that JSON can say."""

    def post(body: object = None, path: str = PATH, **headers: str) -> HttpResponse:
        headers = {"authorization": f"Bearer {key}", **headers}
        return Client().post(path, body or {}, content_type="application/json", headers=headers)

    return post


def error_of(response: HttpResponse) -> dict[str, Any]:
    assert response["x-request-id"]
    error: dict[str, Any] = json.loads(response.content)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def connect(key_text: str, query: str = "") -> tuple[KeyGrant, Any]:
    """What a WebSocket handshake with this key comes to: the grant and the session."""
    scope = {
        "path": "/v1/realtime",
        "headers": [(b"authorization", f"Bearer {key_text}".encode())],
        "query_string": query.encode(),
    }
    handshake = Handshake.of(scope)
    grant = await authorise(handshake)
    inference = await runtime.inference()
    opening = await open_session(handshake, grant, inference.models_for(grant.default_model))
    return grant, opening.session


def opened(mint: Mint, body: object = None) -> str:
    response = mint(body)
    assert response.status_code == 200, response.content
    return str(response.json()["value"])


@pytest.mark.parametrize("path", [PATH, "/realtime/client_secrets", PATH + "/"])
def test_it_works(mint: Mint, path: str) -> None:
    before = int(timezone.now().timestamp())
    response = mint({"session": {"type": "realtime", "instructions": "Be brief."}}, path)
    assert response.status_code == 200
    body = response.json()
    assert re.fullmatch(r"ek_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}", body["value"])
    assert before + 600 <= body["expires_at"] <= before + 630
    session = body["session"]
    assert (session["object"], session["type"], session["expires_at"]) == ("realtime.session", "realtime", 0)
    assert session["id"].startswith("sess_")
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    ClientSecretCreateResponse.model_validate_json(response.content, strict=True)


async def test_the_session_it_was_minted_with_is_the_default_of_its_connections(mint: Mint) -> None:
    session = {
        "type": "realtime",
        "model": "local/dialogue",
        "instructions": "Only say yes.",
        "audio": {"output": {"voice": "marin"}, "input": {"turn_detection": None}},
        "tools": [{"type": "function", "name": "look", "parameters": {"zebra": 1, "ant": "\0"}}],
    }
    secret = await database_sync_to_async(opened)(mint, {"session": session})
    first_grant, first = await connect(secret)
    _, second = await connect(secret)
    assert (first.model, first.instructions) == ("local/dialogue", "Only say yes.")
    assert first.audio.output.voice == "marin"
    assert first.audio.input.turn_detection is None
    assert list(first.tools[0].parameters.items()) == [("zebra", 1), ("ant", "\0")]
    assert first.id != second.id
    assert first.expires_at > timezone.now().timestamp()
    assert first_grant.client_secret_id is not None
    assert first_grant.scopes == {Scope.REALTIME}


def test_an_absent_body_is_an_empty_one(key: str) -> None:
    response = Client(headers={"authorization": f"Bearer {key}"}).generic("POST", PATH)
    assert response.status_code == 200
    assert response.json()["session"]["type"] == "realtime"


def test_without_a_model_it_is_the_tenants_default(mint: Mint, alice: Person) -> None:
    alice.tenant.default_model = "local/dialogue"
    alice.tenant.default_voice = "verse"
    alice.tenant.save()
    session = mint({}).json()["session"]
    assert (session["model"], session["audio"]["output"]["voice"]) == ("local/dialogue", "verse")


@pytest.mark.parametrize(
    ("preset", "query", "model"),
    [
        ("local/dialogue", "", "local/dialogue"),
        ("gpt-realtime", "", "gpt-realtime"),
        ("gpt-realtime", "model=local/dialogue", "local/dialogue"),
        ("local/dialogue", "model=gpt-realtime-2.1", "local/dialogue"),
    ],
    ids=["the secret's", "OpenAI's name", "the URL's", "a name that clients send of their own accord"],
)
async def test_which_model_a_connection_gets(mint: Mint, preset: str, query: str, model: str) -> None:
    secret = await database_sync_to_async(opened)(mint, {"session": {"model": preset}})
    assert (await connect(secret, query))[1].model == model


async def test_inworlds_name_for_the_model_is_taken(mint: Mint) -> None:
    secret = await database_sync_to_async(opened)(mint, {"session": {"modelId": "local/dialogue"}})
    assert (await connect(secret))[1].model == "local/dialogue"


def test_a_session_that_only_transcribes(mint: Mint) -> None:
    audio = {"input": {"transcription": {"model": "whisper-1", "language": "en"}}}
    response = mint({"session": {"type": "transcription", "audio": audio}})
    session = response.json()["session"]
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
    assert session["audio"]["input"]["transcription"] == {"model": "whisper-1", "language": "en"}
    assert "model" not in session
    ClientSecretCreateResponse.model_validate_json(response.content, strict=True)


async def test_a_connection_that_only_transcribes_needs_no_model(mint: Mint) -> None:
    secret = await database_sync_to_async(opened)(mint, {"session": {"type": "transcription"}})
    assert (await connect(secret))[1].type == "transcription"


@pytest.mark.parametrize("seconds", [10, 7200])
def test_it_lives_as_long_as_was_asked(mint: Mint, seconds: int) -> None:
    before = timezone.now().timestamp()
    body = mint({"expires_after": {"anchor": "created_at", "seconds": seconds}}).json()
    assert 0 <= body["expires_at"] - int(before) - seconds <= 30


def test_who_uses_it_is_kept_and_granted(mint: Mint) -> None:
    secret = mint({}, **{"openai-safety-identifier": "user-7"}).json()["value"]
    assert authenticate(secret).safety_identifier == "user-7"


def test_who_uses_it_may_have_any_letters(mint: Mint) -> None:
    """Servers hand the bytes of headers on as latin-1: by another name nobody could be erased."""
    sent = "Łukasz Ängström".encode()
    secret = mint({}, **{"openai-safety-identifier": sent.decode("latin-1")}).json()["value"]
    assert authenticate(secret).safety_identifier == "Łukasz Ängström"
    scope = {"path": "/", "headers": [(b"openai-safety-identifier", sent)], "query_string": b""}
    assert Handshake.of(scope).safety_identifier == "Łukasz Ängström"
    assert header_text("Ren\xe9e") == "Renée", "and those whose clients write latin-1 as before"


def test_only_a_digest_is_kept(mint: Mint, alice: Person) -> None:
    text = opened(mint)
    with tenant_context(alice.tenant.id):
        row = ClientSecret.objects.values().get()
    assert text.rpartition("_")[2] not in repr(row)
    assert len(row["digest"]) == 32


def test_its_use_is_recorded(mint: Mint, alice: Person) -> None:
    authenticate(opened(mint))
    with tenant_context(alice.tenant.id):
        assert ClientSecret.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": "60"}}, "invalid_type", "expires_after.seconds"),
        ({"expires_after": {"anchor": "last_used_at"}}, "invalid_value", "expires_after.anchor"),
        ({"session": "realtime"}, "invalid_type", "session"),
        ({"session": {"type": "video"}}, "invalid_value", "session.type"),
        ({"session": {"model": None}}, "invalid_type", "session.model"),
        ({"session": {"model": "nobody/nothing"}}, "invalid_model", "session.model"),
        ({"session": {"audio": {"input": {"format": {"type": "mp3"}}}}}, None, "session.audio.input.format"),
        (
            {"session": {"instructions": "fine", "audio": {"output": {"speed": 9}}}},
            "invalid_value",
            "session.audio.output.speed",
        ),
        (
            {"session": {"tools": [{"type": "mcp", "server_label": "x", "connector_id": "y"}]}},
            "invalid_value",
            "session.tools[0].connector_id",
        ),
        ([1], "invalid_type", None),
    ],
    ids=str,
)
def test_a_bad_field_is_named_and_nothing_is_minted(
    mint: Mint, alice: Person, body: object, code: str | None, param: str | None
) -> None:
    response = mint(body)
    assert response.status_code == 400
    error = error_of(response)
    assert error["param"] == param or (code is None and str(error["param"]).startswith(str(param)))
    assert error["code"] == code or code is None
    with tenant_context(alice.tenant.id):
        assert not ClientSecret.objects.exists()


def test_an_identifier_that_is_too_long_is_refused(mint: Mint) -> None:
    response = mint({}, **{"openai-safety-identifier": "x" * 513})
    assert response.status_code == 400
    assert error_of(response)["param"] == "OpenAI-Safety-Identifier"


def test_a_key_without_the_scope_cannot_mint(alice: Person) -> None:
    key = alice.make_key(scopes=["models"]).text
    response = Client(headers={"authorization": f"Bearer {key}"}).generic("POST", PATH)
    assert (response.status_code, error_of(response)["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", "/v1/models")])
def test_a_client_secret_does_nothing_but_open_sessions(mint: Mint, method: str, path: str) -> None:
    response = Client(headers={"authorization": f"Bearer {opened(mint)}"}).generic(method, path)
    assert (response.status_code, error_of(response)["code"]) == (403, "insufficient_scope")


async def refusal(text: str, query: str = "") -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as refused:
        await connect(text, query)
    return refused.value


def expire(alice: Person, ago: timedelta = timedelta(seconds=1)) -> None:
    with tenant_context(alice.tenant.id):
        ClientSecret.objects.update(expires_at=timezone.now() - ago)


async def test_an_expired_one_says_so(mint: Mint, alice: Person) -> None:
    secret = await database_sync_to_async(opened)(mint)
    await database_sync_to_async(expire)(alice)
    refused = await refusal(secret)
    assert (refused.refused.body.code, refused.close_code) == ("invalid_api_key", BAD_KEY)
    assert refused.refused.body.message == "This client secret has expired: mint another."


async def test_an_expired_one_still_goes_on_with_the_session_that_it_opened(
    mint: Mint, alice: Person, key: str
) -> None:
    secret = await database_sync_to_async(opened)(mint)
    await database_sync_to_async(expire)(alice)
    scope = {
        "path": "/v1/realtime",
        "headers": [(b"authorization", f"Bearer {secret}".encode())],
        "query_string": b"resume=token",
    }
    assert (await authorise(Handshake.of(scope))).tenant_id == alice.tenant.id
    await database_sync_to_async(revoke)(alice, key)
    with pytest.raises(HandshakeRefused):
        await authorise(Handshake.of(scope))


def revoke(alice: Person, key_text: str) -> None:
    grant = api_key_authenticate(key_text)
    with tenant_context(alice.tenant.id):
        api_key_revoke(key=ApiKey.objects.get(id=grant.key_id))


async def test_one_whose_key_was_revoked_says_so(mint: Mint, alice: Person, key: str) -> None:
    secret = await database_sync_to_async(opened)(mint)
    await database_sync_to_async(revoke)(alice, key)
    refused = await refusal(secret)
    assert (refused.refused.body.code, refused.close_code) == ("invalid_api_key", BAD_KEY)
    assert "was revoked" in refused.refused.body.message


async def test_one_whose_key_has_expired_is_refused(mint: Mint, alice: Person) -> None:
    secret = await database_sync_to_async(opened)(mint)

    def expire_key() -> None:
        with tenant_context(alice.tenant.id):
            ApiKey.objects.update(expires_at=timezone.now())

    await database_sync_to_async(expire_key)()
    assert "has expired" in (await refusal(secret)).refused.body.message


def test_a_wrong_one_cannot_be_told_from_an_unknown_one(mint: Mint, alice: Person) -> None:
    """Nor from one that has expired: only who has the secret learns that."""
    text = opened(mint)
    expire(alice)
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    unknown = secrets.new_key(secrets.Kind.CLIENT_SECRET, {1: bytes(32)}).text
    messages = set()
    for attempt in (wrong, unknown, "ek_", "ek_68af296e8e408191a1120ab6383263c2"):
        with pytest.raises(KeyRefused) as refused:
            authenticate(attempt)
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_a_client_secret_is_no_api_key_and_an_api_key_no_client_secret(mint: Mint, key: str) -> None:
    for text in ("sk" + opened(mint)[2:], "ek" + key[2:]):
        with pytest.raises(KeyRefused):
            authenticate(text)


async def test_a_model_in_the_url_must_exist(mint: Mint) -> None:
    secret = await database_sync_to_async(opened)(mint)
    refused = await refusal(secret, "model=nobody/nothing")
    assert (refused.refused.body.code, refused.close_code) == ("invalid_model", BAD_REQUEST)


async def test_a_key_still_needs_a_model_in_the_url(key: str) -> None:
    assert (await refusal(key)).refused.body.code == "missing_model"


def test_each_tenants_secret_opens_its_own_sessions(mint: Mint, alice: Person, mallory: Person) -> None:
    of_mallory = {"authorization": f"Bearer {mallory.make_key().text}"}
    theirs = Client(headers=of_mallory).generic("POST", PATH).json()["value"]
    assert authenticate(opened(mint)).tenant_id == alice.tenant.id
    assert authenticate(theirs).tenant_id == mallory.tenant.id


def test_a_secret_cannot_hang_on_another_tenants_key(alice: Person, mallory: Person) -> None:

    theirs = mallory.make_key().key
    with tenant_context(alice.tenant.id), pytest.raises(ValidationError):
        client_secret_create(key_id=theirs.id, session_preset="{}", expires_after=timedelta(minutes=1))


def test_an_unknown_key_mints_nothing(alice: Person) -> None:

    with tenant_context(alice.tenant.id), pytest.raises(ValidationError):
        client_secret_create(key_id=uuid.uuid4(), session_preset="{}", expires_after=timedelta(minutes=1))


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_purge_takes_what_expired_more_than_a_day_ago_of_every_tenant(
    mint: Mint, alice: Person, mallory: Person
) -> None:
    of_mallory = {"authorization": f"Bearer {mallory.make_key().text}"}
    opened(mint)
    Client(headers=of_mallory).generic("POST", PATH)
    for person in (alice, mallory):
        expire(person, KEEP_EXPIRED + timedelta(minutes=1))
    opened(mint)
    for _ in range(2):
        purge_client_secrets.delay()
        with tenant_context(alice.tenant.id):
            assert ClientSecret.objects.count() == 1
        with tenant_context(mallory.tenant.id):
            assert ClientSecret.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_the_purge_leaves_what_expired_just_now(mint: Mint, alice: Person) -> None:
    text = opened(mint)
    expire(alice)
    purge_client_secrets.delay()
    with pytest.raises(KeyRefused, match="has expired"):
        authenticate(text)


def membership_of(person: Person) -> PersonalMembership:
    found = membership_lookup(user_id=person.user.id, slug=person.tenant.slug)
    assert found is not None
    return found


def made_for(person: Person, **fields: Any) -> str:
    with tenant_context(person.tenant.id):
        return client_secret_for_person(
            membership=membership_of(person),
            **{"session_preset": "{}", "expires_after": timedelta(minutes=1), **fields},
        ).text


def test_a_person_gets_a_secret_without_a_key(alice: Person, bob: Person) -> None:
    grant = authenticate(made_for(bob, session_preset='{"model":"local/dialogue"}'))
    assert (grant.tenant_id, grant.key_id, grant.scopes) == (alice.tenant.id, None, {Scope.REALTIME})
    assert grant.session_preset == '{"model":"local/dialogue"}'


def test_a_persons_secret_expires(alice: Person) -> None:
    text = made_for(alice)
    expire(alice)
    with pytest.raises(KeyRefused, match="has expired"):
        authenticate(text)


def test_who_may_not_talk_gets_no_secret(alice: Person) -> None:
    with pytest.raises(ValidationError):
        made_for(member_of(alice.tenant, "vera", "viewer"))


def test_a_persons_secret_is_worth_nothing_once_they_may_not_talk(alice: Person, bob: Person) -> None:
    text = made_for(bob)
    with tenant_context(alice.tenant.id):
        Membership.objects.filter(user=bob.user).update(role=Role.VIEWER)
    with pytest.raises(KeyRefused, match="may not talk"):
        authenticate(text)


def test_a_persons_secret_is_worth_nothing_once_they_are_no_member(alice: Person, bob: Person) -> None:
    text = made_for(bob)
    with tenant_context(alice.tenant.id):
        Membership.objects.get(user=bob.user).delete()
    with pytest.raises(KeyRefused):
        authenticate(text)


def test_a_persons_secret_is_worth_nothing_once_their_account_is_closed(bob: Person) -> None:
    text = made_for(bob)
    bob.user.is_active = False
    bob.user.save()
    with pytest.raises(KeyRefused, match="may not talk"):
        authenticate(text)


def test_a_secret_is_of_a_key_or_of_a_person(alice: Person) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(IntegrityError):
        ClientSecret.objects.filter(lookup=lookup_of_secret(made_for(alice))).update(created_by=None)


def lookup_of_secret(text: str) -> str:
    return text.split("_")[1]
