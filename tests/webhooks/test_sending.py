"""Deliveries reach a real receiver: signed, at the stated times, and whatever the receiver does."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from pytest_django.fixtures import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from apps.core.tenancy import tenant_context
from apps.webhooks import schedule
from apps.webhooks.deliveries import delivery_resend, endpoint_test
from apps.webhooks.endpoints import endpoint_enable, endpoint_secret_reveal, endpoint_secret_rotate
from apps.webhooks.models import Attempt, Delivery, Endpoint
from apps.webhooks.posting import KEPT_BYTES
from tests.cast import Person
from tests.webhooks.receiver import (
    Answer,
    Receiver,
    begins_and_stalls,
    closes_mid_answer,
    hangs_up,
    huge,
    never,
    status,
)
from tests.webhooks.things import Clock, deliveries_of, delivery_of, make_endpoint, publish, send

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "across"]),
    pytest.mark.usefixtures("nobody_nudged"),
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def secret_of(person: Person) -> str:
    with tenant_context(person.tenant.id):
        return endpoint_secret_reveal(endpoint=Endpoint.objects.get())


def attempts_at(person: Person) -> list[Attempt]:
    with tenant_context(person.tenant.id):
        return list(Attempt.objects.order_by("number"))


def test_it_works(alice: Person, receiver: Receiver, clock: Clock) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice, number=7)

    assert send(clock) == 1

    (got,) = receiver.got
    assert Webhook(secret_of(alice)).verify(got.body, dict(got.headers)) == got.data
    assert (got.data["type"], got.data["data"]) == ("report.ready", {"number": 7})
    assert got.headers["content-type"] == "application/json"
    delivery = delivery_of(alice)
    assert got.id == delivery.event.webhook_id
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    assert send(clock) == 0


def test_an_altered_delivery_fails_verification(alice: Person, receiver: Receiver, clock: Clock) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    (got,) = receiver.got
    verifier = Webhook(secret_of(alice))
    for headers, body in (
        (got.headers, got.body.replace(b"ready", b"ripe!")),
        ({**got.headers, "webhook-id": "msg_other"}, got.body),
        ({**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)}, got.body),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, dict(headers))


def test_a_delivery_that_is_replayed_later_fails_verification(
    alice: Person, receiver: Receiver, clock: Clock
) -> None:
    clock.now -= timedelta(minutes=6)  # more than the five minutes that receivers tolerate
    make_endpoint(alice, receiver.url)
    publish(alice)
    with tenant_context(alice.tenant.id):
        Delivery.objects.update(next_at=clock.now)
    send(clock)
    (got,) = receiver.got
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret_of(alice)).verify(got.body, dict(got.headers))


def test_while_a_secret_is_rotated_both_sign(alice: Person, receiver: Receiver, clock: Clock) -> None:
    endpoint = make_endpoint(alice, receiver.url)
    old = secret_of(alice)
    with tenant_context(alice.tenant.id):
        new = endpoint_secret_rotate(endpoint=endpoint)
    publish(alice)
    send(clock)
    for secret in (old, new):
        Webhook(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))

    clock.now += timedelta(hours=25)
    publish(alice)
    send(clock)
    _, signatures = receiver.got[1].headers, receiver.got[1].headers["webhook-signature"].split()
    assert len(signatures) == 1


def test_one_that_fails_is_tried_at_the_stated_times_and_then_given_up(
    alice: Person, receiver: Receiver, clock: Clock
) -> None:
    receiver.usual = status(500, "no")
    make_endpoint(alice, receiver.url)
    publish(alice)

    for failures, usual in enumerate(schedule.WAITS, 1):
        assert send(clock) == 1
        delivery = delivery_of(alice)
        wait = delivery.next_at - clock.now
        assert (delivery.state, delivery.failures) == ("waiting", failures)
        assert usual * 0.9 <= wait <= usual * 1.1
        clock.now = delivery.next_at - timedelta(seconds=1)
        assert send(clock) == 0
        clock.now = delivery.next_at
    assert send(clock) == 1
    assert delivery_of(alice).state == "failed"
    clock.now += timedelta(days=30)
    assert send(clock) == 0

    attempts = attempts_at(alice)
    assert [attempt.number for attempt in attempts] == list(range(1, 13))
    assert {attempt.status for attempt in attempts} == {500}
    assert attempts[0].response_body == "no"
    assert len({got.id for got in receiver.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 12


def test_it_gets_through_once_the_receiver_is_back(alice: Person, receiver: Receiver, clock: Clock) -> None:
    receiver.answers.extend([status(503), status(503)])
    make_endpoint(alice, receiver.url)
    publish(alice)
    for _ in range(3):
        send(clock)
        clock.now = delivery_of(alice).next_at
    assert delivery_of(alice).state == "delivered"
    assert [attempt.status for attempt in attempts_at(alice)] == [503, 503, 200]


def test_a_receiver_that_asks_for_time_gets_it(alice: Person, receiver: Receiver, clock: Clock) -> None:
    receiver.answers.append(status(429, Retry_After="3600"))
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    assert delivery_of(alice).next_at == clock.now + timedelta(hours=1)


@pytest.mark.parametrize("answer", [never, begins_and_stalls])
def test_a_late_answer_is_a_failure(
    answer: Answer, alice: Person, receiver: Receiver, clock: Clock, settings: Settings
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.2
    receiver.answers.append(answer)
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    failed = delivery_of(alice)
    assert failed.state == "waiting"
    assert "did not answer within 0.2 s" in failed.last_error

    settings.WEBHOOK_TIMEOUT_SECONDS = 5.0
    clock.now = failed.next_at
    send(clock)
    assert delivery_of(alice).state == "delivered"
    assert receiver.got[0].id == receiver.got[1].id


@pytest.mark.parametrize("answer", [closes_mid_answer, hangs_up])
def test_a_broken_connection_is_a_failure(
    answer: Answer, alice: Person, receiver: Receiver, clock: Clock
) -> None:
    receiver.answers.append(answer)
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    failed = delivery_of(alice)
    assert (failed.state, failed.failures) == ("waiting", 1)
    assert "broke the connection" in failed.last_error


def test_of_a_huge_answer_the_beginning_is_read(alice: Person, receiver: Receiver, clock: Clock) -> None:
    receiver.answers.append(huge)
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    (attempt,) = attempts_at(alice)
    assert delivery_of(alice).state == "delivered"
    assert len(attempt.response_body) == KEPT_BYTES


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest", "https://10.0.0.1/in", "/elsewhere"])
def test_a_redirect_is_not_followed(place: str, alice: Person, receiver: Receiver, clock: Clock) -> None:
    receiver.answers.append(status(307, Location=place))
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    failed = delivery_of(alice)
    assert (failed.state, failed.failures, failed.last_status) == ("waiting", 1, 307)
    assert "redirects to another address, which is not followed" in failed.last_error
    assert len(receiver.got) == 1


def test_an_address_that_is_private_by_now_is_not_reached(
    alice: Person, receiver: Receiver, clock: Clock, settings: Settings
) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice)
    settings.OUTBOUND_ALLOW = []
    send(clock)
    failed = delivery_of(alice)
    assert not receiver.got
    assert (failed.state, failed.last_status) == ("waiting", None)
    assert "OUTBOUND_ALLOW" in failed.last_error


def test_one_that_is_gone_is_disabled_at_once(alice: Person, receiver: Receiver, clock: Clock) -> None:
    receiver.answers.append(status(410))
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    delivery = delivery_of(alice)
    assert (delivery.state, delivery.endpoint.is_enabled) == ("failed", False)
    assert "gone" in delivery.endpoint.disabled_reason
    assert alice.user.email in mail.outbox[0].bcc
    assert delivery.endpoint.url in mail.outbox[0].body


def test_what_comes_back_together_with_that_is_cancelled(
    alice: Person, receiver: Receiver, clock: Clock
) -> None:
    receiver.answers += [status(500), status(410), status(200)]
    make_endpoint(alice, receiver.url)
    for number in range(3):
        publish(alice, number=number)
    assert send(clock) == 3
    clock.now += timedelta(minutes=1)
    assert send(clock) == 0
    with tenant_context(alice.tenant.id):
        ended = Delivery.objects.values_list("state", "attempts", "lease")
        assert sorted(ended) == [("cancelled", 1, None), ("delivered", 1, None), ("failed", 1, None)]


def test_after_three_days_of_failures_it_is_disabled_and_what_waits_can_be_sent_later(
    alice: Person, bob: Person, receiver: Receiver, clock: Clock
) -> None:
    receiver.usual = status(500)
    endpoint = make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    clock.now += timedelta(days=3)
    publish(alice)
    send(clock)

    waited, also = deliveries_of(alice)
    endpoint = waited.endpoint
    assert not endpoint.is_enabled
    assert {waited.state, also.state} == {"cancelled"}
    assert set(mail.outbox[0].bcc) == {alice.user.email, bob.user.email}
    publish(alice)
    assert len(deliveries_of(alice)) == 2

    receiver.usual = status(200)
    with tenant_context(alice.tenant.id):
        endpoint_enable(endpoint=endpoint)
        delivery_resend(delivery=waited)
    clock.now += timedelta(minutes=1)
    send(clock)
    assert [row.state for row in deliveries_of(alice)] == ["delivered", "cancelled"]


def test_one_success_begins_the_three_days_anew(alice: Person, receiver: Receiver, clock: Clock) -> None:
    make_endpoint(alice, receiver.url)
    for answer in (500, 200, 500):
        receiver.answers.append(status(answer))
        publish(alice)
        clock.now += timedelta(seconds=1)
        send(clock)
        clock.now += timedelta(days=1)
    assert deliveries_of(alice)[0].endpoint.is_enabled


class TestOrder:
    def test_later_events_of_a_session_wait_for_the_one_that_fails(
        self, alice: Person, receiver: Receiver, clock: Clock
    ) -> None:
        receiver.answers.append(status(500))
        make_endpoint(alice, receiver.url)
        for number in range(3):
            publish(alice, session_id="sess_1", number=number)
        assert send(clock) == 1

        publish(alice, session_id="sess_2", number=10)
        publish(alice, number=20)
        send(clock)
        assert {got.data["data"]["number"] for got in receiver.got[1:]} == {10, 20}

        clock.now = deliveries_of(alice)[0].next_at
        send(clock)
        assert [got.data["data"]["number"] for got in receiver.got[3:]] == [0, 1, 2]

    def test_one_that_is_given_up_holds_nobody_up_any_more(
        self, alice: Person, receiver: Receiver, clock: Clock
    ) -> None:
        receiver.answers.append(status(500))
        make_endpoint(alice, receiver.url)
        for number in range(2):
            publish(alice, session_id="sess_1", number=number)
        with tenant_context(alice.tenant.id):
            Delivery.objects.filter(id=deliveries_of(alice)[0].id).update(failures=11)
        assert send(clock) == 2
        assert [row.state for row in deliveries_of(alice)] == ["failed", "delivered"]

    def test_under_random_failures_each_sessions_receipts_are_in_order(
        self, alice: Person, receiver: Receiver, clock: Clock
    ) -> None:
        receiver.answers.extend(status(503) if index % 3 else status(200) for index in range(60))
        make_endpoint(alice, receiver.url)
        for number in range(5):
            for session in ("sess_1", "sess_2", "sess_3"):
                publish(alice, session_id=session, number=number)
        while any(row.is_open for row in deliveries_of(alice)):
            send(clock)
            clock.now += timedelta(days=1)
        with tenant_context(alice.tenant.id):
            receipts = Attempt.objects.filter(error="").select_related("delivery__event")
            told = [
                (row.delivery.session_id, row.delivery.event.data["number"])
                for row in receipts.order_by("at", "delivery__event_id")
            ]
        for session in ("sess_1", "sess_2", "sess_3"):
            assert [number for one, number in told if one == session] == [0, 1, 2, 3, 4]

    def test_two_senders_send_each_event_once_and_in_order(
        self, alice: Person, receiver: Receiver, clock: Clock
    ) -> None:
        make_endpoint(alice, receiver.url)
        for number in range(6):
            for session in ("sess_1", "sess_2", ""):
                publish(alice, session_id=session, number=number)
        made: list[int] = []
        senders = [threading.Thread(target=_send_in_thread, args=(clock, made)) for _ in range(3)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

        assert sum(made) == len(receiver.got) == 18
        for row in deliveries_of(alice):
            assert (row.state, row.attempts) == ("delivered", 1)
        assert receiver.most_at_once <= 8


def _send_in_thread(clock: Clock, made: list[int]) -> None:
    from django.db import connections

    try:
        made.append(send(clock))
    finally:
        connections.close_all()


def test_what_a_dead_sender_left_is_sent_again_under_the_same_id(
    alice: Person, receiver: Receiver, clock: Clock
) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    first = delivery_of(alice)
    with tenant_context(alice.tenant.id):  # as if it had died before it noted what came of it
        Attempt.objects.all().delete()
        Delivery.objects.update(
            state="sending", lease=first.id, leased_until=clock.now + timedelta(seconds=60), finished_at=None
        )
    clock.now += timedelta(seconds=59)
    assert send(clock) == 0
    clock.now += timedelta(seconds=2)
    assert send(clock) == 1
    assert receiver.got[0].id == receiver.got[1].id
    assert (delivery_of(alice).state, delivery_of(alice).attempts) == ("delivered", 2)


def test_a_secret_that_cant_be_decrypted_is_told_and_nothing_is_sent(
    alice: Person, receiver: Receiver, clock: Clock, settings: Settings
) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice)
    settings.ENCRYPTION_KEYS = {2: bytes(32)}
    send(clock)
    assert not receiver.got
    assert "rotate it" in delivery_of(alice).last_error


def test_a_test_is_sent_once_also_to_a_disabled_endpoint(alice: Person, receiver: Receiver) -> None:
    receiver.usual = status(500)
    endpoint = make_endpoint(alice, receiver.url, events=["tool.failed"])
    with tenant_context(alice.tenant.id):
        Endpoint.objects.update(is_enabled=False)
        delivery = endpoint_test(endpoint=endpoint, type="session.ended")
    assert (delivery.state, delivery.last_status) == ("failed", 500)
    (got,) = receiver.got
    assert got.data["type"] == "session.ended"
    assert got.data["data"]["test"] is True


def test_one_that_was_delivered_can_be_sent_again(alice: Person, receiver: Receiver, clock: Clock) -> None:
    make_endpoint(alice, receiver.url)
    publish(alice)
    send(clock)
    with tenant_context(alice.tenant.id):
        delivery_resend(delivery=Delivery.objects.get())
    send(clock)
    assert receiver.got[0].id == receiver.got[1].id
    assert [attempt.number for attempt in attempts_at(alice)] == [1, 2]
