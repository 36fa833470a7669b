"""An account at the stand-in whose clock, and ours, the test sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from unittest import mock

import stripe
from django.utils import timezone

from apps.billing.fake.stand_in import FakeStripe
from apps.billing.stripe import catalog
from apps.billing.stripe.client import API_VERSION, replaced
from apps.billing.stripe.webhooks import event_process, event_receive

BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


class Account:
    """`fake` keeps its webhooks back until `settle` or `deliver`."""

    def __init__(self, seed: int = 1) -> None:
        self.at = BEGIN
        self.bodies: list[tuple[bytes, str]] = []
        self.fake = FakeStripe(
            now=lambda: self.at.timestamp(),
            deliver=self._take,
            random=Random(seed),
            pages="http://testserver",
        )
        self.client = stripe.StripeClient(
            "sk_fake_test", stripe_version=API_VERSION, max_network_retries=2, http_client=self.fake
        )

    def _take(self, body: bytes, signature: str) -> bool:
        self.bodies.append((body, signature))
        return True

    def settle(self, *, random: Random | None = None) -> int:
        """Delivers what was told meanwhile: in its order, or shuffled and in part twice. Returns how many."""
        count = 0
        while self.bodies:
            bodies, self.bodies = self.bodies, []
            if random:
                bodies += random.sample(bodies, len(bodies) // 2)
                random.shuffle(bodies)
            for body, signature in bodies:
                event = event_receive(body=body, signature=signature)
                if event is not None:
                    event_process(event.id)
                    event.refresh_from_db()
                    assert not event.error, f"{event.type}: {event.error}"
                count += 1
        return count

    def advance(self, **time: float) -> None:
        """Both clocks."""
        self.at += timedelta(**time)
        self.fake.tick()

    def pay(self, url: str, card: str = "4242424242424242", *, country: str = "US") -> None:
        """What a person does at the page."""
        self.fake.pay_checkout(url.rsplit("/", 1)[1], card, country=country)


@contextmanager
def stripe_account(seed: int = 1) -> Iterator[Account]:
    account = Account(seed)
    catalog._known.clear()
    secrets = "apps.billing.stripe.webhooks.webhook_secrets"
    with (
        replaced(account.client),
        mock.patch(secrets, lambda: (account.fake.webhook_secret,)),  # noqa: PT008 - made when it is asked for
        mock.patch.object(timezone, "now", lambda: account.at),  # noqa: PT008 - it goes on
    ):
        yield account
