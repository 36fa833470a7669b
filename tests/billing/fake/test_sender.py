"""Webhooks of an installation, sent by HTTP until they are taken."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import stripe

from apps.billing.fake.sender import Sender, post, send_due
from apps.billing.fake.stand_in import FakeStripe
from apps.billing.fake.store import FileStore


@pytest.fixture
def fake(tmp_path: Path) -> FakeStripe:
    return FakeStripe(store=FileStore(tmp_path / "stripe.json"))


def test_an_event_that_is_not_taken_is_sent_again_later(fake: FakeStripe) -> None:
    stripe.StripeClient("sk_fake", http_client=fake).v1.customers.create({"name": "Alice"})
    tries: list[bytes] = []

    def refuse(body: bytes, signature: str) -> bool:
        tries.append(body)
        return False

    for at in (100.0, 100.5, 101.0, 102.0, 103.0):
        assert send_due(fake, refuse, at) == 0
    assert len(tries) == 3  # at 100, a second later, and two seconds after that
    assert send_due(fake, lambda body, signature: True, 200.0) == 1
    assert fake.outbox(1e12) == []


def test_a_running_sender_posts_signed_events(fake: FakeStripe, tmp_path: Path) -> None:
    got: list[stripe.Event] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(
                stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], fake.webhook_secret)
            )
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    sender = Sender(fake, FileStore(tmp_path / "stripe.json"), f"http://127.0.0.1:{server.server_port}/hook")
    try:
        stripe.StripeClient("sk_fake", http_client=fake).v1.customers.create({"name": "Alice"})
        sender.start()
        assert arrived.wait(10)
    finally:
        sender.stop()
        server.shutdown()
        thread.join()
        server.server_close()
    assert [event.type for event in got] == ["customer.created"]


def test_an_address_where_nobody_listens_takes_nothing() -> None:
    assert not post("http://127.0.0.1:1/hook", b"{}", "t=1,v1=0")
