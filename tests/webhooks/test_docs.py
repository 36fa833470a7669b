"""docs/webhooks.md: it has every type, and what it shows to be done on a server takes a delivery as it is sent."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from apps.webhooks.messages import Request, request_of
from apps.webhooks.models import WebhookEvent
from apps.webhooks.types import TYPES

SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
TEXT = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()


@pytest.fixture
def sent() -> Request:
    event = WebhookEvent(type="session.ended", data=TYPES["session.ended"].sample, at=datetime.now(UTC))
    return request_of("https://1.1.1.1/", event, SECRETS, datetime.now(UTC))


@pytest.mark.parametrize("secret", SECRETS)
def test_the_python_program(secret: str, sent: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    program = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[0]
    monkeypatch.setenv("ANTIPHON_WEBHOOK_SECRET", secret)
    names: dict[str, Any] = {}
    exec(program, names)
    assert names["receive"](sent.body, sent.headers)["data"]["end_reason"] == "client_closed"
    assert names["receive"](sent.body, sent.headers) is None
    with pytest.raises(WebhookVerificationError):
        names["receive"](sent.body + b" ", sent.headers)


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_told_with_its_fields(name: str) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}`"))
    of_sessions = TEXT[TEXT.index("What names a session:") :].split("\n\n")[0]
    for field in TYPES[name].sample:
        assert f"`{field}`" in row + of_sessions, field
