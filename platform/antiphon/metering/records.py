"""A usage record: what one attempt, transcription or speech used, and what that costs.

One record has a line for each unit, rather than each unit a record: what was used together is recorded whole or not
at all, under one key, and its price is one sum.
"""

from typing import Literal

from msgspec import Struct

from antiphon.metering.rates import Line, Priced, Unpriced
from antiphon.providers.base.llm import Outcome

Kind = Literal["response", "transcription", "speech", "connection"]


class UsageRecord(Struct, frozen=True):
    """Append-only. `id` is the same however often the same use is recorded: writing it twice changes nothing.

    `attempt` counts from 0 for each kind and response (or item). `estimated` says that the quantities, or a rate,
    are an estimate. `outcome` is None where nobody can tell (a voice or a recogniser does not say). `at` is in ms
    since 1970, when the use was over.
    """

    id: str
    tenant_id: str
    session_id: str
    kind: Kind
    response_id: str | None
    item_id: str | None
    attempt: int
    model: str  # provider/model
    provider: str
    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...]
    price_micro: int
    estimated: bool
    outcome: Outcome | None
    at: int


def usage_record(
    *,
    tenant_id: str,
    session_id: str,
    kind: Kind,
    subject_id: str,
    attempt: int,
    model: str,
    priced: Priced,
    estimated: bool = False,
    outcome: Outcome | None = None,
    at: float,
) -> UsageRecord:
    """`subject_id` is that of the response, or of the item that was transcribed; of a connection, its model."""
    return UsageRecord(
        id=f"{session_id}:{kind}:{subject_id}:{attempt}",
        tenant_id=tenant_id,
        session_id=session_id,
        kind=kind,
        response_id=subject_id if kind in ("response", "speech") else None,
        item_id=subject_id if kind == "transcription" else None,
        attempt=attempt,
        model=model,
        provider=model.partition("/")[0],
        lines=priced.lines,
        unpriced=priced.unpriced,
        price_micro=priced.price_micro,
        estimated=estimated or priced.estimated,
        outcome=outcome,
        at=round(at),
    )
