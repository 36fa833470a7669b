"""Files at rest: AES-256-GCM in chunks, so that any part can be read without the rest.

    "AFS1" | number of the master key (4 bytes) | random salt (16 bytes) | chunks

Each file has a key and a prefix of nonces of its own, which HKDF-SHA256 (RFC 5869) makes of the master key and the
salt. A chunk holds up to CHUNK bytes and a tag of 16. Its nonce is prefix (7 bytes) | number of the chunk (4 bytes)
| whether it is the last (1 byte), which is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015,
section 7): chunks can't be swapped, dropped or added. The file's name is authenticated with each: none can take
another's place.
"""

import os
import struct
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.credentials.sealing import MasterKeys, Unsealable

CHUNK = 64 * 1024
MAGIC = b"AFS1"
_SALT = 16
HEADER = len(MAGIC) + 4 + _SALT
_PREFIX = 7
_TAG = 16
_PURPOSE = b"antiphon sealed file v1"


def seal(plain: Iterable[bytes], name: str, keys: MasterKeys) -> Iterator[bytes]:
    """Raises Unsealable if there is no master key."""
    if not keys:
        raise Unsealable("No master key is set: set ENCRYPTION_KEYS, or FILES_ENCRYPTION=off.")
    number, salt = max(keys), os.urandom(_SALT)
    cipher, prefix = _of_file(keys[number], salt)
    yield MAGIC + struct.pack(">I", number) + salt
    count = 0
    held = b""
    for whole in _of_size(plain):
        if held:
            yield cipher.encrypt(_nonce(prefix, count, False), held, name.encode())
            count += 1
        held = whole
    yield cipher.encrypt(_nonce(prefix, count, True), held, name.encode())


def key_number(header: bytes) -> int:
    """Of the master key that a sealed file needs. Raises Unsealable."""
    if len(header) < HEADER or not header.startswith(MAGIC):
        raise Unsealable("The file is cut off, or was not sealed here.")
    return int(struct.unpack(">I", header[4:8])[0])


def plain_size(stored: int) -> int:
    """Of a sealed file of so many bytes. Raises Unsealable."""
    rest = stored - HEADER
    if rest < _TAG or 0 < rest % (CHUNK + _TAG) < _TAG:
        raise Unsealable("The file is cut off, or was not sealed here.")
    return rest - -(-rest // (CHUNK + _TAG)) * _TAG


def chunks_of(start: int, end: int) -> tuple[int, int]:
    """Where the chunks lie in a sealed file that hold its bytes from `start` to before `end`."""
    first, last = start // CHUNK, max(end - 1, start) // CHUNK
    return HEADER + first * (CHUNK + _TAG), HEADER + (last + 1) * (CHUNK + _TAG)


def unseal(
    header: bytes, sealed: Iterable[bytes], *, name: str, first: int, stored: int, keys: MasterKeys
) -> Iterator[bytes]:
    """What the chunks from number `first` on hold, of a file of `stored` bytes. Raises Unsealable."""
    number = key_number(header)
    if number not in keys:
        raise Unsealable(f"It was sealed with the master key {number}, which ENCRYPTION_KEYS does not have.")
    cipher, prefix = _of_file(keys[number], header[8:HEADER])
    last = -(-(stored - HEADER) // (CHUNK + _TAG)) - 1
    for count, chunk in enumerate(_of_size(sealed, CHUNK + _TAG), first):
        try:
            yield cipher.decrypt(_nonce(prefix, count, count == last), chunk, name.encode())
        except InvalidTag:
            raise Unsealable("The file was changed, or is another one.") from None


def _nonce(prefix: bytes, count: int, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", count, is_last)


def _of_size(pieces: Iterable[bytes], size: int = CHUNK) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _of_file(master_key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """Its cipher and the prefix of its nonces."""
    made = HKDF(SHA256(), length=32 + _PREFIX, salt=salt, info=_PURPOSE).derive(master_key)
    return AESGCM(made[:32]), made[32:]
