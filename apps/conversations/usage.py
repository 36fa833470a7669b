"""What sessions use, from the engine to where it is kept: the recorder, and the session's log."""

import asyncio
from collections.abc import Callable, Container

from antiphon.engine.observers.log import LogObserver
from antiphon.engine.observers.usage import UsageObserver
from antiphon.metering.price_files import list_prices
from antiphon.metering.pricing import NO_MARKUP, PriceRules
from antiphon.metering.records import UsageRecord, User
from apps.conversations.log_store import SessionOpened
from apps.usage.recorder import Recorder
from apps.usage.services import unpriced_report

_NOTED_EVERY = 60.0  # seconds of time connected, which a crash would lose
_BILLED_EVERY = 5.0  # where they cost something: a balance must not be outspent by more than a step


def _nobody(price_micro: int) -> None:
    """Who keeps no count of what is spent."""


def usage_observer(
    opened: SessionOpened,
    log: LogObserver,
    recorder: Recorder,
    *,
    spent: Callable[[int], None] = _nobody,
    rules: PriceRules = NO_MARKUP,
    own_credentials: Container[str] = (),
) -> UsageObserver:
    """The observer, and meter, of a session that `log` observes, too. `own_credentials` names the providers that
    the tenant pays itself; `spent` is told what each record bills."""

    def keep(record: UsageRecord) -> None:
        recorder.record(record)
        log.add(record)
        spent(record.price_micro)
        if record.unpriced:
            unpriced_report(model=record.model, units=tuple(line.unit for line in record.unpriced))

    return UsageObserver(
        keep,
        list_prices(),
        user_of(opened),
        epoch_ms=log.epoch_ms,
        rules=rules,
        own_credentials=own_credentials,
        settle=recorder.flush,
    )


def user_of(opened: SessionOpened) -> User:
    key, version, customer = opened.api_key_id, opened.agent_version_id, opened.customer_id
    return User(
        tenant_id=str(opened.tenant_id),
        session_id=opened.session_id,
        api_key_id=str(key) if key else None,
        agent_version_id=str(version) if version else None,
        customer_id=str(customer) if customer else None,
    )


async def note_time(observer: UsageObserver) -> None:
    """Records the time connected as it passes, until it is cancelled."""
    loop = asyncio.get_running_loop()
    every = _BILLED_EVERY if observer.bills_time(loop.time() * 1000) else _NOTED_EVERY
    while True:
        await asyncio.sleep(every)
        observer.note_time(loop.time() * 1000)
