from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from apps.webhooks import services
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """On loopback, where only the operator can allow us to go."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.WEBHOOK_TIMEOUT_SECONDS = 5.0
    with receiving() as found:
        yield found


@pytest.fixture
def nobody_nudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker loses what workers are told, so that a test's own sender finds everything."""
    monkeypatch.setattr(services, "senders_nudge", lambda: None)
