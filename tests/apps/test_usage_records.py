"""What a session uses is in its log, and what has no price is an alarm."""

import uuid
from pathlib import Path

import pytest
import structlog
from channels.db import database_sync_to_async
from django.utils import timezone
from structlog.testing import capture_logs

from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.tts import ScriptedTts
from apps.conversations.event_log import EventLog
from apps.conversations.log_store import SessionOpened
from apps.conversations.models import SessionEvent
from apps.conversations.selectors import session_events, session_find
from apps.conversations.usage import usage_observer
from apps.core.tenancy import tenant_context
from apps.usage import services
from apps.usage.recorder import Recorder
from apps.usage.services import unpriced_check, unpriced_report
from tests.cast import Person
from tests.engine.session_harness import Stage


@pytest.fixture(autouse=True)
def nothing_reported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_reported", set())
    monkeypatch.setattr(services, "log", structlog.get_logger())


def usage_rows(person: Person) -> list[SessionEvent]:
    with tenant_context(person.tenant.id):
        session = session_find("sess_1")
        assert session is not None
        return [event for event in session_events(session) if event.type == "usage"]


async def in_session(person: Person, stage: Stage, folder: Path) -> list[SessionEvent]:
    """What the log says that an answer used."""
    log, recorder = EventLog(), Recorder(folder)
    log.start()
    recorder.start()
    opened = SessionOpened(uuid.uuid4(), person.tenant.id, "sess_1", None, "openai/gpt-6-sol", timezone.now())
    with log.session(opened) as observer:
        stage.observers += [observer, usage_observer(opened, observer, recorder)]
        async with stage.session() as client:
            client.say("hi")
            await client.wait_for("response.done")
    await database_sync_to_async(log.stop, thread_sensitive=False)()
    await database_sync_to_async(recorder.stop, thread_sensitive=False)()
    rows: list[SessionEvent] = await database_sync_to_async(usage_rows, thread_sensitive=False)(person)
    return rows


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
async def test_it_works_an_answer_leaves_its_usage_in_the_sessions_log(alice: Person, tmp_path: Path) -> None:
    answer, voice = say("Hello there."), ScriptedTts(ms_per_character=5, name="openai/tts-1")
    rows = await in_session(
        alice, Stage(llm=ScriptedLlm(answer, name="openai/gpt-6-sol"), tts=voice), tmp_path
    )
    by_kind = {row.body["kind"]: row for row in rows}
    assert len(rows) == 2
    written, spoken = by_kind["response"], by_kind["speech"]
    assert written.response_id == spoken.response_id != ""
    assert written.direction == "engine"
    assert written.body["id"] == f"sess_1:response:{written.response_id}:0"
    assert written.body["tenant_id"] == str(alice.tenant.id)
    # 10 tokens in x 2   2 tokens out x 10; 12 characters x 15
    assert (written.body["price_micro"], spoken.body["price_micro"]) == (40, 180)
    assert spoken.body["lines"] == [
        {
            "unit": "character",
            "quantity": 12,
            "rate_id": "openai/tts-1:character:always",
            "unit_price": "15",
            "per": 1_000_000,
            "price_micro": 180,
        }
    ]


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
async def test_what_has_no_price_is_in_the_log_and_an_alarm(alice: Person, tmp_path: Path) -> None:
    stage = Stage(llm=ScriptedLlm(say("Hello there."), name="acme/new"))
    with capture_logs() as logs:
        rows = await in_session(alice, stage, tmp_path)
    (row,) = [row for row in rows if row.body["kind"] == "response"]
    assert row.body["unpriced"][0] == {"unit": "input_text_token", "quantity": 10}
    (alarm,) = [entry for entry in logs if entry["event"] == "usage_unpriced"]
    assert (alarm["model"], alarm["log_level"]) == ("acme/new", "warning")


def test_an_unpriced_model_is_one_warning() -> None:
    with capture_logs() as logs:
        for _ in range(3):
            unpriced_report(model="acme/new", units=("character",))
        unpriced_report(model="acme/other")
    assert logs == [
        {"event": "usage_unpriced", "log_level": "warning", "model": "acme/new", "units": ["character"]},
        {"event": "usage_unpriced", "log_level": "warning", "model": "acme/other", "units": []},
    ]


def test_models_that_will_be_used_are_checked_at_the_start() -> None:
    with capture_logs() as logs:
        unpriced_check(models=["local/dialogue", "openai/gpt-6-sol", "llm/our-own"])
    assert [log["model"] for log in logs] == ["llm/our-own"]
