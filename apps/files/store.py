"""Where files of tenants are kept: recordings, reports, exports. A folder, or a bucket; sealed by settings.

Names begin with the tenant's id: `<tenant>/recordings/<session>/...`. Only the current tenant's can be named.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages

from apps.core.tenancy import Across, CrossTenant, require_tenant
from apps.files import sealing
from apps.files.folder import UNFINISHED

READ_AT_ONCE = 1024 * 1024
_IN_MEMORY = 8 * 1024 * 1024  # bytes of a file that is being put; more go to disk


class NoSuchFile(Exception):
    """There is no file of this name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as it lies there: `stored` bytes, which hold `size`."""

    name: str
    stored: int
    header: bytes

    @property
    def is_sealed(self) -> bool:
        return self.header.startswith(sealing.MAGIC)

    @property
    def size(self) -> int:
        return sealing.plain_size(self.stored) if self.is_sealed else self.stored


def name_of(*parts: object) -> str:
    """Of a file of the current tenant."""
    tenant = require_tenant()
    if isinstance(tenant, Across):
        raise CrossTenant("Files have names within one tenant.")
    return "/".join(map(str, (tenant, *parts)))


def put(name: str, content: Iterable[bytes]) -> int:
    """Keeps it under this name, in the place of what was there: all of it or nothing. Returns how many bytes were
    written. Raises Unsealable."""
    _check(name)
    if settings.FILES_ENCRYPTION:
        content = sealing.seal(content, name, settings.ENCRYPTION_KEYS)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as whole:
        for piece in content:
            whole.write(piece)
        size = whole.tell()
        whole.seek(0)
        _storage().save(name, File(whole, name))
    return size


def find(name: str) -> Kept:
    """Raises NoSuchFile."""
    _check(name)
    with _telling_what_is_missing(name):
        stored = _storage().size(name)
    return Kept(name, stored, _range(name, 0, sealing.HEADER) if stored else b"")


def read(name: str) -> Iterator[bytes]:
    """All of it, in pieces. Raises NoSuchFile, Unsealable."""
    kept = find(name)
    return read_range(kept, 0, kept.size)


def read_range(kept: Kept, start: int, end: int) -> Iterator[bytes]:
    """Its bytes from `start` to before `end`, in pieces. Raises NoSuchFile, Unsealable."""
    if end <= start:
        return
    if not kept.is_sealed:
        yield from _pieces(kept.name, start, end)
        return
    first, (low, high) = start // sealing.CHUNK, sealing.chunks_of(start, end)
    sealed = _pieces(kept.name, low, min(high, kept.stored))
    keys = settings.ENCRYPTION_KEYS
    skip, left = start - first * sealing.CHUNK, end - start
    for piece in sealing.unseal(
        kept.header, sealed, name=kept.name, first=first, stored=kept.stored, keys=keys
    ):
        wanted = piece[skip : skip + left]
        skip, left = 0, left - len(wanted)
        yield wanted


def delete(name: str) -> None:
    """Once more does no harm."""
    _check(name)
    _storage().delete(name)


def names(prefix: str) -> Iterator[str]:
    """Of all files below a folder, in the order of their names."""
    return (name for name in _all_names(prefix) if not _is_unfinished(name))


def delete_all(prefix: str) -> list[str]:
    """Everything below a folder. Returns the names of what was there."""
    gone = list(_all_names(prefix))
    for name in gone:
        delete(name)
    return [name for name in gone if not _is_unfinished(name)]


def reseal(name: str) -> bool:
    """Keeps a file again that is not sealed by the newest master key, or not sealed at all. Whether it had to be.
    Raises NoSuchFile, Unsealable."""
    kept = find(name)
    newest = max(settings.ENCRYPTION_KEYS, default=0)
    if kept.is_sealed and sealing.key_number(kept.header) == newest:
        return False
    put(name, read_range(kept, 0, kept.size))
    return True


def _all_names(prefix: str) -> Iterator[str]:
    """With what a process that died did not finish."""
    _check(prefix)
    storage: Any = _storage()
    if hasattr(storage, "bucket"):
        for found in storage.bucket.objects.filter(Prefix=prefix.rstrip("/") + "/"):
            yield found.key
    else:
        yield from _below(storage, prefix.rstrip("/"))


def _is_unfinished(name: str) -> bool:
    return name.rpartition("/")[2].startswith(UNFINISHED)


def _below(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted([*files, *(f"{inner}/" for inner in folders)]):
        if name.endswith("/"):
            yield from _below(storage, f"{folder}/{name[:-1]}")
        else:
            yield f"{folder}/{name}"


def _pieces(name: str, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        piece = _range(name, start, min(end, start + READ_AT_ONCE))
        if not piece:
            return
        start += len(piece)
        yield piece


def _range(name: str, start: int, end: int) -> bytes:
    storage: Any = _storage()
    with _telling_what_is_missing(name):
        if hasattr(storage, "bucket"):  # its own files are fetched whole
            found = storage.bucket.Object(name).get(Range=f"bytes={start}-{end - 1}")
            return bytes(found["Body"].read())
        with storage.open(name) as file:
            file.seek(start)
            return bytes(file.read(end - start))


@contextmanager
def _telling_what_is_missing(name: str) -> Iterator[None]:
    """Raises NoSuchFile, however the storage says it."""
    try:
        yield
    except FileNotFoundError:
        raise NoSuchFile(name) from None
    except Exception as error:
        response = getattr(error, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        if code in ("404", "NoSuchKey"):
            raise NoSuchFile(name) from None
        raise


def _storage() -> Storage:
    return storages["tenants"]


def _check(name: str) -> None:
    tenant = require_tenant()
    if not isinstance(tenant, Across) and not f"{name}/".startswith(f"{tenant}/"):
        raise CrossTenant("This file belongs to another tenant.")
    if ".." in name.split("/"):
        raise CrossTenant(f"{name!r} is no name of a file.")
