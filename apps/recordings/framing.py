"""Sealed audio in the spool: each piece that is appended is a sealed file of its own, after its length in four
bytes, big endian. A last one that is not whole was being written when its process died."""

import struct
from collections.abc import Iterator
from pathlib import Path

from apps.credentials.sealing import MasterKeys
from apps.files.sealing import HEADER, seal, unseal

_LENGTH = struct.Struct(">I")


def framed(piece: bytes, name: str, keys: MasterKeys) -> bytes:
    """Raises Unsealable if there is no master key."""
    sealed = b"".join(seal([piece], name, keys))
    return _LENGTH.pack(len(sealed)) + sealed


def unframed(path: Path, name: str, keys: MasterKeys) -> Iterator[bytes]:
    """Raises Unsealable."""
    with path.open("rb") as file:
        while len(length := file.read(_LENGTH.size)) == _LENGTH.size:
            (size,) = _LENGTH.unpack(length)
            sealed = file.read(size)
            if len(sealed) < size:
                return
            header, rest = sealed[:HEADER], sealed[HEADER:]
            yield from unseal(header, [rest], name=name, first=0, stored=size, keys=keys)
