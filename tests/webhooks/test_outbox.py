"""What happens is told in the transaction that keeps it: together with it, once, and to those who want to know."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.conversations.log_store import LogStore, SessionOpened, SessionState, ToolFailed
from apps.conversations.models import EndReason, RealtimeSession
from apps.conversations.tasks import close_abandoned_sessions
from apps.core.tenancy import tenant_context
from apps.webhooks.models import Delivery, Endpoint, WebhookEvent
from apps.webhooks.services import event_publish
from tests.cast import Person

STARTED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def endpoint_of(person: Person, **fields: Any) -> Endpoint:
    with tenant_context(person.tenant.id):
        return Endpoint.objects.create(url="https://hooks.example.com/in", **fields)


def test_it_works(alice: Person) -> None:
    endpoint = endpoint_of(alice)
    with tenant_context(alice.tenant.id):
        event_publish(type="report.ready", data={"report_id": "r1"}, key="r1")

        delivery = Delivery.objects.select_related("event", "endpoint").get()
    assert (delivery.endpoint, delivery.state, delivery.session_id) == (endpoint, "waiting", "")
    assert (delivery.event.type, delivery.event.data) == ("report.ready", {"report_id": "r1"})
    assert delivery.event.webhook_id.startswith("msg_")


def test_an_event_is_told_once_for_each_key(alice: Person) -> None:
    endpoint_of(alice)
    with tenant_context(alice.tenant.id):
        for _ in range(2):
            event_publish(type="report.ready", data={}, key="r1")
        event_publish(type="report.ready", data={}, key="r2")

        assert Delivery.objects.count() == WebhookEvent.objects.count() == 2


def test_what_is_rolled_back_is_told_to_nobody(alice: Person) -> None:
    endpoint_of(alice)
    with tenant_context(alice.tenant.id):
        with transaction.atomic():
            event_publish(type="report.ready", data={}, key="r1")
            transaction.set_rollback(True)

        assert not WebhookEvent.objects.exists()


def test_only_enabled_endpoints_that_want_the_type_are_told(alice: Person, mallory: Person) -> None:
    told = [endpoint_of(alice), endpoint_of(alice, events=["report.ready", "tool.failed"])]
    endpoint_of(alice, events=["tool.failed"])
    endpoint_of(alice, is_enabled=False)
    endpoint_of(mallory)
    with tenant_context(alice.tenant.id):
        event_publish(type="report.ready", data={}, key="r1")
        assert {delivery.endpoint for delivery in Delivery.objects.all()} == set(told)
    with tenant_context(mallory.tenant.id):
        assert not Delivery.objects.exists()


def test_nothing_is_written_for_a_tenant_that_nobody_tells(alice: Person) -> None:
    endpoint_of(alice, events=["tool.failed"])
    with tenant_context(alice.tenant.id):
        event_publish(type="report.ready", data={}, key="r1")
        assert not WebhookEvent.objects.exists()


def test_an_unknown_type_is_refused(alice: Person) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(ValueError, match=r"apps\.webhooks\.types"):
        event_publish(type="report.raedy", data={}, key="r1")


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
class TestOfSessions:
    def test_its_start_failed_tools_and_end_are_told_by_its_log(self, alice: Person) -> None:
        endpoint_of(alice)
        opened = session_of(alice)
        store = LogStore()
        failure = ToolFailed(opened.tenant_id, opened.id, "item_1", "get_weather", None, "http_error", 503)
        for _ in range(2):  # once more after a failure that only was not told to have been none
            store.write([opened, failure, end_of(opened)], again=True)
        store.close()

        with tenant_context(alice.tenant.id):
            started, failed, ended = WebhookEvent.objects.order_by("id")
            assert Delivery.objects.filter(session_id="sess_1").count() == 3
        assert [started.type, failed.type, ended.type] == ["session.started", "tool.failed", "session.ended"]
        assert started.data == {
            "session_id": "sess_1",
            "kind": "realtime",
            "model": "local/test",
            "agent": None,
            "agent_version": None,
            "call_id": "",
            "safety_identifier": "user-1",
            "started_at": "2026-11-23T09:00:00.000Z",
            "url": started.data["url"],
        }
        assert started.data["url"].endswith("/api/v1/sessions/sess_1")
        assert (failed.data["tool"], failed.data["error_code"]) == ("get_weather", 503)
        assert ended.data["duration_ms"] == 90_500
        assert (ended.data["turns"], ended.data["end_reason"]) == (3, "client_closed")
        assert (started.at, ended.at) == (STARTED, STARTED + timedelta(seconds=90.5))

    def test_a_sign_of_life_is_no_end(self, alice: Person) -> None:
        endpoint_of(alice, events=["session.ended"])
        opened = session_of(alice)
        store = LogStore()
        store.write([opened, end_of(opened, ended_at=None)])
        store.close()
        with tenant_context(alice.tenant.id):
            assert not WebhookEvent.objects.exists()

    def test_the_end_of_one_whose_process_crashed_is_told(self, alice: Person) -> None:
        endpoint_of(alice)
        opened = session_of(alice)
        store = LogStore()
        store.write([opened])
        store.close()
        with tenant_context(alice.tenant.id):
            RealtimeSession.objects.update(alive_at=STARTED + timedelta(seconds=30))

        for _ in range(2):
            close_abandoned_sessions()

        with tenant_context(alice.tenant.id):
            ended = WebhookEvent.objects.get(type="session.ended")
        assert (ended.data["end_reason"], ended.data["duration_ms"]) == ("crashed", 30_000)


def session_of(person: Person) -> SessionOpened:
    return SessionOpened(
        uuid.uuid4(), person.tenant.id, "sess_1", None, "local/test", STARTED, safety_identifier="user-1"
    )


def end_of(
    opened: SessionOpened, *, ended_at: datetime | None = STARTED + timedelta(seconds=90.5)
) -> SessionState:
    return SessionState(
        opened.id,
        opened.tenant_id,
        3,
        3,
        0,
        0,
        9_000,
        8_000,
        1_200,
        [350],
        ended_at,
        EndReason.CLIENT_CLOSED,
        1000,
    )
