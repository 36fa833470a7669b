"""What a sample session used, as lines of usage."""

import random
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from apps.conversations.models import RealtimeSession
from apps.conversations.sample_words import Dialogue
from apps.core.tenancy import across_tenants, require_tenant
from apps.usage.models import UsageLine
from apps.usage.rollups import rollups_rebuild

_AT_ONCE = 2000


class Use(NamedTuple):
    unit: str
    quantity: int
    price_micro: int
    rate: Mapping[str, Any]


_LLM_RATE = {"unit_price": "0.6", "per": 1_000_000}
_STT_RATE = {"unit_price": "0.0043", "per": 60_000}
_TTS_RATE = {"unit_price": "15", "per": 1_000_000}
HEARD = [Use("input_audio_ms", 1800, 129, _STT_RATE)]
THOUGHT = [Use("input_text_token", 240, 144, _LLM_RATE), Use("output_text_token", 30, 18, _LLM_RATE)]


def spoken(words: str) -> list[Use]:
    return [Use("character", len(words), 15 * len(words), _TTS_RATE)]


def sample_cost(dialogue: Dialogue) -> int:
    """In micro-dollars."""
    return sum(use.price_micro for _, answer in dialogue for use in [*HEARD, *THOUGHT, *spoken(answer)])


def sample_lines(session: RealtimeSession, dialogue: Dialogue, chance: random.Random) -> Iterator[UsageLine]:
    """Evenly over the session's time; some are estimates, as they are of models that were cut short."""
    step = session.lasted / (len(dialogue) + 1)
    for number, (_, answer) in enumerate(dialogue):
        is_cut = chance.random() < 0.05
        for kind, model, uses in (
            ("transcription", "local/whisper", HEARD),
            ("response", session.model, THOUGHT),
            ("speech", "local/piper", spoken(answer)),
        ):
            for use in uses:
                yield UsageLine(
                    key=f"{session.session_id}:{kind}:{number}:0",
                    kind=kind,
                    session_id=session.session_id,
                    response_id=None if kind == "transcription" else f"resp_sample_{number}",
                    item_id=f"item_sample_{number}" if kind == "transcription" else None,
                    attempt=0,
                    api_key_id=session.api_key_id,
                    agent_version_id=session.agent_version_id,
                    provider=model.partition("/")[0],
                    model=model,
                    unit=use.unit,
                    quantity=use.quantity,
                    rate_id="sample",
                    unit_price=Decimal(use.rate["unit_price"]),
                    per=use.rate["per"],
                    cost_micro=0,
                    price_micro=use.price_micro,
                    estimated=is_cut and kind == "response",
                    is_priced=True,
                    at=session.started_at + (number + 1) * step,
                    posting_id=uuid.UUID(int=0),
                )


def sample_lines_create(lines: list[UsageLine]) -> None:
    UsageLine.objects.bulk_create(lines, batch_size=_AT_ONCE)


def sample_sums_create() -> None:
    """Of all that the current tenant used, samples or not."""
    tenant = require_tenant()
    assert isinstance(tenant, uuid.UUID)
    rollups_rebuild(tenant_id=tenant)


def sample_usage_delete(*, tenant_id: uuid.UUID, mark: str) -> int:
    """The lines of the sessions whose ids begin with `mark`. Only samples are ever deleted, and only by the role
    that sees all tenants."""
    with across_tenants(reason="sample sessions are deleted"):
        found = UsageLine.objects.filter(tenant_id=tenant_id, session_id__startswith=mark)
        number, _ = found.order_by().delete()
    rollups_rebuild(tenant_id=tenant_id)
    return number
