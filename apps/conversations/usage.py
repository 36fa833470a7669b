"""What sessions use, from the engine to where it is kept. For now that is the session's log."""

from collections.abc import Callable

from antiphon.engine.observers.log import LogObserver
from antiphon.engine.observers.usage import UsageObserver
from antiphon.metering.price_files import list_prices
from antiphon.metering.records import UsageRecord
from apps.conversations.log_store import SessionOpened
from apps.usage.services import unpriced_report


def usage_observer(opened: SessionOpened, log: LogObserver, spent: Callable[[int], None]) -> UsageObserver:
    """The observer of a session that `log` observes, too; `spent` is told what each thing used comes to."""

    def keep(record: UsageRecord) -> None:
        log.add(record)
        spent(record.price_micro)
        if record.unpriced:
            unpriced_report(model=record.model, units=tuple(line.unit for line in record.unpriced))

    return UsageObserver(
        keep,
        list_prices(),
        tenant_id=str(opened.tenant_id),
        session_id=opened.session_id,
        epoch_ms=log.epoch_ms,
    )
