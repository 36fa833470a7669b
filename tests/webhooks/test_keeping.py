"""Senders that are told, and not; what is kept, for how long, and what is erased."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from kombu.exceptions import OperationalError

from antiphon.engine.inputs import FunctionEnded
from antiphon.engine.ports import Ending
from antiphon.protocol import server_events as ev
from antiphon.protocol.items import McpCall, RemoteToolError
from apps.conversations.event_log import EventLog
from apps.conversations.log_store import SessionOpened
from apps.conversations.models import SessionEvent
from apps.core.tenancy import tenant_context
from apps.privacy.registry import SessionRef
from apps.privacy.removing import session_rows_delete
from apps.webhooks.endpoints import MOST_ENDPOINTS, endpoint_disable, endpoint_enable
from apps.webhooks.models import Attempt, Delivery, WebhookEvent
from apps.webhooks.tasks import purge_webhooks, send_webhooks
from tests.cast import Person
from tests.webhooks.receiver import Receiver
from tests.webhooks.things import deliveries_of, delivery_of, make_endpoint, publish

URL = "https://hooks.example.com/in"
ENDED = Ending(1000, "", by_client=True)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
class TestSenders:
    def test_a_worker_is_told_when_it_is_committed(self, alice: Person, receiver: Receiver) -> None:
        make_endpoint(alice, receiver.url)
        publish(alice)
        assert delivery_of(alice).state == "delivered"

    def test_without_a_broker_the_next_sweep_sends(
        self, alice: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(**options: object) -> None:
            raise OperationalError("no broker")

        make_endpoint(alice, receiver.url)
        monkeypatch.setattr(send_webhooks, "apply_async", unreachable)
        publish(alice)
        assert delivery_of(alice).state == "waiting"
        send_webhooks()
        assert delivery_of(alice).state == "delivered"

    @pytest.mark.usefixtures("nobody_nudged")
    def test_what_is_old_is_purged_with_its_attempts(self, alice: Person, receiver: Receiver) -> None:
        make_endpoint(alice, receiver.url)
        publish(alice, number=1)
        publish(alice, number=2)
        send_webhooks()
        with tenant_context(alice.tenant.id):
            old = WebhookEvent.objects.earliest("id")
            WebhookEvent.objects.filter(id=old.id).update(at=timezone.now() - timedelta(days=31))
        purge_webhooks()
        assert [row.event.data["number"] for row in deliveries_of(alice)] == [2]
        with tenant_context(alice.tenant.id):
            assert Attempt.objects.count() == 1

    @pytest.mark.usefixtures("nobody_nudged")
    @pytest.mark.parametrize("keep_events", [True, False])
    def test_tools_that_fail_in_a_session_are_told_with_and_without_a_log(
        self, alice: Person, keep_events: bool
    ) -> None:
        make_endpoint(alice, URL)
        opened = SessionOpened(
            uuid.uuid4(),
            alice.tenant.id,
            "sess_1",
            None,
            "local/test",
            timezone.now(),
            keep_events=keep_events,
        )
        asyncio.run(_session_with_failures(opened))

        with tenant_context(alice.tenant.id):
            told = list(WebhookEvent.objects.order_by("id"))
            assert SessionEvent.objects.exists() is keep_events
        assert [event.type for event in told] == [
            "session.started",
            "tool.failed",
            "tool.failed",
            "session.ended",
        ]
        ours, theirs = told[1].data, told[2].data
        assert (ours["tool"], ours["server_label"], ours["error_code"]) == ("get_weather", None, 503)
        assert (theirs["tool"], theirs["server_label"], theirs["error_type"]) == (
            "find",
            "docs",
            "protocol_error",
        )
        assert "secret words" not in str(told[1].data) + str(told[2].data)


async def _session_with_failures(opened: SessionOpened) -> None:
    error = RemoteToolError(type="http_error", code=503, message="secret words")
    other = RemoteToolError(type="protocol_error", message="secret words")
    call = McpCall(id="mcp_1", server_label="docs", name="find", arguments="{}", error=other)
    log = EventLog()
    log.start()
    with log.session(opened) as observe:
        observe(FunctionEnded("item_0", "resp_1", "call_0", "get_room", "completed", 5), 1.0)
        observe(FunctionEnded("item_1", "resp_1", "call_1", "get_weather", "failed", 5, error), 2.0)
        observe(ev.ItemDone(event_id="event_1", item=call, previous_item_id=None), 3.0)
        observe(ENDED, 4.0)
    await asyncio.to_thread(log.stop)


def test_what_was_told_of_a_session_goes_with_it(alice: Person) -> None:
    make_endpoint(alice, URL)
    publish(alice, session_id="sess_1")
    publish(alice, session_id="sess_2")
    with tenant_context(alice.tenant.id):
        session_rows_delete(SessionRef(uuid.uuid4(), "sess_1"))
    assert [row.session_id for row in deliveries_of(alice)] == ["sess_2"]


def test_a_tenant_has_a_bounded_number_of_endpoints(alice: Person) -> None:
    for _ in range(MOST_ENDPOINTS):
        make_endpoint(alice, URL)
    with pytest.raises(ValidationError, match="at most 20"):
        make_endpoint(alice, URL)


def test_disabling_cancels_what_waits_and_nothing_else(alice: Person) -> None:
    endpoint = make_endpoint(alice, URL)
    for _ in range(2):
        publish(alice)
    with tenant_context(alice.tenant.id):
        Delivery.objects.filter(id=deliveries_of(alice)[0].id).update(state="delivered")
        endpoint_disable(endpoint=endpoint)
        assert endpoint_enable(endpoint=endpoint).is_enabled
    assert [row.state for row in deliveries_of(alice)] == ["delivered", "cancelled"]
