"""The alarm for what is used and has no price."""

import time
from collections.abc import Iterable, Sequence

import structlog

from antiphon.metering.price_files import list_prices

log = structlog.get_logger(__name__)

_reported: set[str] = set()  # the models that this process has warned of
_MOST_REPORTED = 1000  # tenants may name any number of models; those beyond are warned of again and again


def unpriced_report(*, model: str, units: Sequence[str] = ()) -> None:
    """Warns once for each model. `units` are those that have no price; none: the model has no price at all."""
    if model in _reported:
        return
    if len(_reported) < _MOST_REPORTED:
        _reported.add(model)
    log.warning("usage_unpriced", model=model, units=list(units))


def unpriced_check(*, models: Iterable[str]) -> None:
    """Warns of models that will be used and have no price."""
    now = time.time() * 1000
    for model in models:
        if not list_prices().rates_of(model, now):
            unpriced_report(model=model)
