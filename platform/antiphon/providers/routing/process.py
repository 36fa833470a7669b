"""What the routers of a process remember from answer to answer."""

from collections import OrderedDict
from typing import Generic, TypeVar

from antiphon.providers.routing.health import Health
from antiphon.providers.routing.hedging import HedgeBudget

REMEMBERED = 20_000  # sessions, and routers

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Remembers the values that were used last."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def set(self, key: str, value: Value) -> Value:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > REMEMBERED:
            self._values.popitem(last=False)
        return value


class RoutingMemory:
    """One for all tenants of a process; their keys begin with the tenant, so that nobody's calls tell on another's:
    a rate limit is that of one key."""

    def __init__(self, health: Health | None = None) -> None:
        self.health = health or Health()
        self.asked_first: Recent[str] = Recent()  # the model, by router and session
        self._budgets: Recent[HedgeBudget] = Recent()

    def hedge_budget(self, router: str) -> HedgeBudget:
        return self._budgets.get(router) or self._budgets.set(router, HedgeBudget())
