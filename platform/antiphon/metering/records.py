"""A usage record: what one attempt, transcription, speech, tool or minute of a connection used, and its price.

One record has a line for each unit, rather than each unit a record: what was used together is recorded whole or not
at all, under one key, and its price is one sum.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from antiphon.metering.pricing import Billed, BilledLine
from antiphon.metering.rates import Unpriced
from antiphon.providers.base.llm import Outcome

Kind = Literal["response", "transcription", "speech", "connection", "tool", "transport"]


class User(Struct, frozen=True):
    """On whose account something was used: ids as text. A customer is a tenant's own customer."""

    tenant_id: str
    session_id: str
    api_key_id: str | None = None
    agent_version_id: str | None = None
    customer_id: str | None = None


class UsageRecord(Struct, frozen=True):
    """Append-only. `id` is the same however often the same use is recorded: writing it twice changes nothing.

    `attempt` counts from 0 for each kind and response (or item). `cost_micro` is what the operator pays, which the
    tenant never sees; `price_micro` is what the tenant is billed. `estimated` says that the quantities, or a rate,
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
    lines: tuple[BilledLine, ...]
    unpriced: tuple[Unpriced, ...]
    cost_micro: int
    price_micro: int
    estimated: bool
    outcome: Outcome | None
    at: int
    api_key_id: str | None = None
    agent_version_id: str | None = None
    customer_id: str | None = None

    @property
    def margin_micro(self) -> int:
        return self.price_micro - self.cost_micro


def usage_record(
    user: User,
    *,
    kind: Kind,
    attempt: int,
    model: str,
    billed: Billed,
    response_id: str | None = None,
    item_id: str | None = None,
    estimated: bool = False,
    outcome: Outcome | None = None,
    at: float,
) -> UsageRecord:
    """What belongs to neither an item nor a response belongs to the connection to its model."""
    return UsageRecord(
        id=f"{user.session_id}:{kind}:{subject_of(model, response_id, item_id)}:{attempt}",
        tenant_id=user.tenant_id,
        session_id=user.session_id,
        kind=kind,
        response_id=response_id,
        item_id=item_id,
        attempt=attempt,
        model=model,
        provider=model.partition("/")[0],
        lines=billed.lines,
        unpriced=billed.unpriced,
        cost_micro=sum([line.cost_micro for line in billed.lines]),
        price_micro=sum([line.price_micro for line in billed.lines]),
        estimated=estimated or billed.estimated,
        outcome=outcome,
        at=round(at),
        api_key_id=user.api_key_id,
        agent_version_id=user.agent_version_id,
        customer_id=user.customer_id,
    )


def subject_of(model: str, response_id: str | None, item_id: str | None) -> str:
    """What the attempts of one kind are counted by."""
    return item_id if item_id is not None else response_id if response_id is not None else model


def shown_to_tenant(record: UsageRecord) -> dict[str, Any]:
    """As plain data, without what it costs the operator."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    del fields["cost_micro"]
    for line in fields["lines"]:
        del line["cost_micro"]
    return fields
