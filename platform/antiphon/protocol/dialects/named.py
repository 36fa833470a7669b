"""Dialects by name, for those who pass a connection on."""

from collections.abc import Callable, Mapping
from typing import Literal

from antiphon.protocol.dialects.base import Dialect
from antiphon.protocol.dialects.beta import BETA
from antiphon.protocol.dialects.inworld import INWORLD
from antiphon.protocol.dialects.undeclared import Undeclared

DialectName = Literal["undeclared", "beta", "inworld"]

_MAKERS: Mapping[DialectName, Callable[[], Dialect]] = {
    "undeclared": Undeclared,
    "beta": lambda: BETA,
    "inworld": lambda: INWORLD,
}


def new_dialect(name: DialectName) -> Dialect:
    """For one connection."""
    return _MAKERS[name]()
