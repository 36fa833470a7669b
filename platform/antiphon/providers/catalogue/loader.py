"""Reads the catalogue, when it is first asked for anything: importing this costs nothing."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from antiphon.providers.catalogue.entries import Entry, Kind

DATA = Path(__file__).parent / "data"


class CatalogueFile(Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    checked: date
    models: tuple[Entry, ...]


def find(name: str) -> Entry | None:
    """The model that sessions call `provider/model`; None for one that nobody described, which may work as well."""
    return _by_name().get(name)


def entries(*, kind: Kind | None = None, provider: str | None = None) -> tuple[Entry, ...]:
    """By name; what is None is not asked for."""
    return tuple(
        entry
        for entry in _by_name().values()
        if kind in (None, entry.kind) and provider in (None, entry.provider)
    )


def read(path: Path) -> CatalogueFile:
    """Raises msgspec.ValidationError for a file that is no part of a catalogue."""
    return msgspec.json.decode(path.read_bytes(), type=CatalogueFile)


def text_of(file: CatalogueFile) -> str:
    """JSON with a line for each model, so that changes can be reviewed."""
    head = {"source": file.source, "checked": file.checked.isoformat()}
    lines = [f"{_json(name)}: {_json(value)}," for name, value in head.items()]
    models = ",\n".join(_json(entry) for entry in sorted(file.models, key=lambda entry: entry.name))
    return "{\n" + "\n".join(lines) + '\n"models": [\n' + models + "\n]\n}\n"


@cache
def _by_name() -> Mapping[str, Entry]:
    found = [entry for path in sorted(DATA.glob("*.json")) for entry in _sourced(read(path))]
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def _sourced(file: CatalogueFile) -> list[Entry]:
    return [
        msgspec.structs.replace(
            entry, source=entry.source or file.source, checked=entry.checked or file.checked
        )
        for entry in file.models
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
