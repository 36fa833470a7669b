"""The stand-in of this installation: one account, whose state all processes share."""

from collections.abc import Awaitable, Callable

from django.conf import settings

from antiphon.config.env import env
from apps.billing.fake import installation
from apps.billing.fake.sender import Sender
from apps.billing.fake.stand_in import FakeStripe

KEY = "sk_fake_stand_in"


def stand_in() -> FakeStripe:
    return installation.installed()


def webhook_secret() -> str:
    return stand_in().webhook_secret


def sender() -> Sender | None:
    """What brings the stand-in's events to this installation; None where there is a key for Stripe itself."""
    if settings.STRIPE_SECRET_KEY:
        return None
    return installation.sender_to(f"http://127.0.0.1:{env().port}/webhooks/stripe")


def with_sender(startup: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """What a web process does first, and then brings the stand-in's events, where there is no key for Stripe."""

    async def started() -> None:
        await startup()
        if events := sender():
            events.start()

    return started
