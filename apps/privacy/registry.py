"""What holds something of a session or of a person. Each application's `holdings.py` says what its tables and files
are; a test finds the table that none has spoken for.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from apps.core.models import TenantModel

if TYPE_CHECKING:
    from apps.conversations.models import RealtimeSession

Rows = QuerySet[Any, Any]


@dataclass(frozen=True, slots=True)
class SessionRef:
    """Whose the rows are: `id` is that of the session's row, which may be gone, `session_id` the protocol's."""

    id: uuid.UUID
    session_id: str

    @classmethod
    def of(cls, session: "RealtimeSession") -> "SessionRef":
        return cls(session.id, session.session_id)


OfSession = Callable[[SessionRef], Rows]
OfPerson = Callable[[str], Rows]


@dataclass(frozen=True, slots=True)
class Holding:
    """The rows of a table that go with a session, or with a person (by their safety identifier). `files` names the
    folder of a row's files by its id."""

    model: type[TenantModel]
    of_session: OfSession | None = None
    of_person: OfPerson | None = None
    files: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A table whose rows outlive sessions and people, and `why`; those of a session are counted in its manifest."""

    model: type[TenantModel]
    why: str
    of_session: OfSession | None = None


_holdings: list[Holding] = []
_kept: list[Kept] = []
_folders: list[str] = []
_spools: list[Callable[[SessionRef], Iterable[Path]]] = []


def holds(
    model: type[TenantModel],
    *,
    of_session: OfSession | None = None,
    of_person: OfPerson | None = None,
    files: Callable[[Any], str] | None = None,
) -> None:
    """The table's rows that these find are deleted with the session or the person, in the order of declaration
    within an application, the session's own row last."""
    _holdings.append(Holding(model, of_session, of_person, files))


def keeps(model: type[TenantModel], *, why: str, of_session: OfSession | None = None) -> None:
    """The table's rows stay: they are money, records of what was done, or nothing that a caller said."""
    _kept.append(Kept(model, why, of_session))


def holds_files(kind: str) -> None:
    """Files of a session lie in `<tenant>/<kind>/<id of the session's row>/`."""
    _folders.append(kind)


def holds_spool(files: Callable[[SessionRef], Iterable[Path]]) -> None:
    """Files of a session may lie on this machine, before they are in the store."""
    _spools.append(files)


def holding_list() -> list[Holding]:
    return list(_holdings)


def kept_list() -> list[Kept]:
    return list(_kept)


def folder_list() -> list[str]:
    return list(_folders)


def spool_list() -> list[Callable[[SessionRef], Iterable[Path]]]:
    return list(_spools)
