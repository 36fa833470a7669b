"""Hearing what was recorded: who may, how, and what is noted of it."""

import json
import re
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.audit.models import AuditEvent
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.files import store
from apps.recordings.jobs import TIDY
from apps.recordings.models import Recording, RecordingState
from apps.recordings.names import folder_of
from apps.transcripts.models import Transcript
from tests.api.clients import client_of
from tests.apps.recorded import encoded, make_recorded, run, spoken
from tests.cast import Person
from tests.dashboard.test_sessions import signed_in

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous"),
]

PAGE = "/acme/sessions/sess_1/transcript/"
RECORDING = "/acme/sessions/sess_1/recording"


@pytest.fixture(scope="module")
def stream() -> bytes:
    return encoded(spoken((0, 0), (1, 1)))


@pytest.fixture
def recorded(alice: Person, stream: bytes) -> Iterator[RealtimeSession]:
    with tenant_context(alice.tenant.id):
        session, _ = make_recorded("sess_1", stream)
        RealtimeSession.objects.update(ended_at=session.started_at)
        session.refresh_from_db()
        yield session


@pytest.fixture
def ready(recorded: RealtimeSession) -> RealtimeSession:
    run(recorded)
    return recorded


@pytest.fixture
def client(alice: Person) -> Client:
    return signed_in(alice)


def body(response: HttpResponse) -> bytes:
    return b"".join(response)


def opened() -> list[tuple[str, bool]]:
    events = AuditEvent.objects.filter(action="recording.opened").order_by("at")
    return [(event.actor_label, (event.after or {})["download"]) for event in events]


def test_it_is_played_by_an_address_that_works_for_a_while(
    client: Client, ready: RealtimeSession, stream: bytes
) -> None:
    page = client.get(PAGE)
    assert "'nonce-" in page["content-security-policy"].partition("style-src")[2].partition(";")[0]
    found = re.search(r'data-peaks="([^"]+)"', page.content.decode())
    assert found
    assert json.loads(body(client.get(found[1])))["per_second"] == 20
    assert not opened()  # nothing is heard yet

    url = client.post(f"{RECORDING}/play/").json()["url"]
    assert opened() == [("alice@example.com", False)]
    answer = Client().get(url, headers={"range": "bytes=0-3"})
    assert (answer.status_code, answer["content-type"]) == (206, "audio/ogg")
    assert body(answer) == stream[:4]

    file = client.get(f"{RECORDING}.ogg", follow=True)
    assert file["content-disposition"] == 'attachment; filename="sess_1.ogg"'
    assert body(file) == stream
    assert opened()[-1] == ("alice@example.com", True)


def test_who_may_not_listen_sees_what_was_said_and_no_player(bob: Person, ready: RealtimeSession) -> None:
    client = signed_in(bob)
    page = client.get(PAGE).content.decode()
    assert "Admins and owners may hear it" in page
    assert "data-peaks" not in page
    assert client.post(f"{RECORDING}/play/").status_code == 403
    assert client.get(f"{RECORDING}.ogg").status_code == 403


def test_while_it_is_prepared_the_page_says_so_and_comes_anew(
    client: Client, recorded: RealtimeSession
) -> None:
    assert "being prepared" in client.get(PAGE).content.decode()
    assert client.post(f"{RECORDING}/play/").status_code == 409
    state = client.get(f"{RECORDING}/")
    assert "being prepared" in state.content.decode()
    assert "HX-Refresh" not in state
    run(recorded)
    assert client.get(f"{RECORDING}/")["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (RecordingState.FAILED, "could not be prepared"),
        (RecordingState.DELETED, "its sound is deleted"),
    ],
)
def test_a_recording_that_is_not_there_is_told_of(
    client: Client, recorded: RealtimeSession, state: RecordingState, told: str
) -> None:
    Recording.objects.update(state=state)
    assert told in client.get(PAGE).content.decode()
    assert client.get(f"{RECORDING}.ogg")["location"] == PAGE


def test_a_session_that_was_not_recorded_has_no_player(client: Client, ready: RealtimeSession) -> None:
    Recording.objects.all().delete()
    assert 'id="recording"' not in client.get(PAGE).content.decode()
    assert client.get(f"{RECORDING}/").status_code == 404


def test_its_sound_can_be_deleted_alone(client: Client, ready: RealtimeSession) -> None:
    url = client.post(f"{RECORDING}/play/").json()["url"]
    assert client.post(f"{RECORDING}/delete/")["location"] == PAGE
    run(ready, TIDY)
    assert list(store.names(folder_of(ready.id))) == []
    assert Client().get(url).status_code == 410
    assert AuditEvent.objects.filter(action="recording.deleted").count() == 1
    assert "is deleted already" in client.post(f"{RECORDING}/delete/", follow=True).content.decode()


def test_programs_get_an_address_too(alice: Person, ready: RealtimeSession, stream: bytes) -> None:
    api = client_of(alice, "recordings.read", "sessions.delete")
    path = "/api/v1/sessions/sess_1/recording"
    told = api.get(path).json()
    assert (told["state"], told["size_bytes"], told["sample_rate"]) == ("ready", len(stream), 24_000)
    assert body(Client().get(told["url"])) == stream
    assert len(json.loads(body(Client().get(told["peaks_url"])))["channels"]) == 2
    assert len(opened()) == 1
    assert api.delete(path).status_code == 204
    gone = api.get(path).json()
    assert (gone["state"], gone["url"]) == ("deleted", None)
    assert api.delete(path).status_code == 422


def test_what_was_said_is_a_file_for_people_and_one_for_programs(
    client: Client, recorded: RealtimeSession
) -> None:
    entry = {"kind": "user", "start_ms": 61_000, "end_ms": 62_000, "text": "Hello there."}
    Transcript.objects.create(session=recorded, entries=[entry], made_at=recorded.started_at)
    text = client.get("/acme/sessions/sess_1/transcript.txt")
    assert text["content-disposition"] == 'attachment; filename="sess_1.txt"'
    assert text.content.decode() == "01:01  User: Hello there.\n"
    told = client.get("/acme/sessions/sess_1/transcript.json").json()
    assert (told["session_id"], told["entries"]) == ("sess_1", [entry])
