"""The stand-in of this installation: one account, whose state all processes share."""

from functools import cache

from django.conf import settings

from antiphon.config.env import env
from apps.billing.fake.sender import Sender
from apps.billing.fake.stand_in import FakeStripe
from apps.billing.fake.store import FileStore, MemoryStore
from apps.core.addresses import site_url

KEY = "sk_fake_stand_in"


@cache
def stand_in() -> FakeStripe:
    return FakeStripe(store=_store(), pages=site_url(""))


@cache
def _store() -> FileStore | MemoryStore:
    path = settings.STRIPE_STAND_IN_STATE
    return FileStore(path) if path else MemoryStore()


def webhook_secret() -> str:
    return stand_in().webhook_secret


def sender() -> Sender | None:
    """What brings the stand-in's events to this installation; None where there is nothing to bring."""
    store = _store()
    if settings.STRIPE_SECRET_KEY or not isinstance(store, FileStore):
        return None
    return Sender(stand_in(), store, f"http://127.0.0.1:{env().port}/webhooks/stripe")
