"""The stand-in of an installation: one file in the data folder, shared by all its processes."""

from functools import cache

from django.conf import settings

from antiphon.config.env import env
from apps.billing.fake.sender import Sender
from apps.billing.fake.stand_in import FakeStripe
from apps.billing.fake.store import FileStore


@cache
def _store() -> FileStore:
    return FileStore(settings.DATA_DIR / "fake-stripe.json")


@cache
def installed() -> FakeStripe:
    return FakeStripe(store=_store(), pages=settings.PUBLIC_URL or f"http://localhost:{env().port}")


def sender_to(url: str) -> Sender:
    """What sends the webhooks of this installation to an address of its own; for each process to start."""
    return Sender(installed(), _store(), url)
