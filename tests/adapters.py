"""The places of the table of adapters whose modules are there."""

from importlib.util import find_spec

from antiphon.providers.adapters import ADAPTERS

PRESENT = [place for place, path in ADAPTERS.items() if find_spec(path.partition(":")[0])]
