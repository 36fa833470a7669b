"""Ogg pages (RFC 3533) of an Opus stream (RFC 7845): enough to exchange some packets and touch no other."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

HEADERS = 2
"""Packets that come before the sound, each on a page of its own."""

_HEADER = struct.Struct("<4sBBqIIIB")
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    flags: int
    granule: int
    serial: int
    number: int
    packets: Sequence[bytes]

    def encoded(self) -> bytes:
        """Raises ValueError if that is more than fits into a page."""
        table = b"".join(
            b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in self.packets
        )
        if len(table) > 255:
            raise ValueError("More packets than a page can hold.")
        told = (b"OggS", 0, self.flags, self.granule, self.serial, self.number)
        body = table + b"".join(self.packets)
        crc = checksum(_HEADER.pack(*told, 0, len(table)) + body)
        return _HEADER.pack(*told, crc, len(table)) + body


def checksum(data: bytes) -> int:
    """CRC-32 of 0x04c11db7, the highest bit first, from 0: zlib's with all bits turned round."""
    turned = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{turned:032b}"[::-1], 2)


def pages(stream: BinaryIO) -> Iterator[tuple[bytes, Page]]:
    """Each as it is written, and what it says. What is cut off at the end is left out.

    Raises ValueError for what is no Ogg, or has packets that lie across pages: recorders here write none.
    """
    while len(head := stream.read(_HEADER.size)) == _HEADER.size:
        magic, _, flags, granule, serial, number, _, segments = _HEADER.unpack(head)
        if magic != b"OggS":
            raise ValueError("This is no page of Ogg.")
        table = stream.read(segments)
        body = stream.read(sum(table))
        if len(table) < segments or len(body) < sum(table):
            return
        if flags & 1 or table.endswith(b"\xff"):
            raise ValueError("A packet lies across pages.")
        yield head + table + body, Page(flags, granule, serial, number, _packets(table, body))


def exchanged(stream: BinaryIO, packets: Mapping[int, bytes]) -> Iterator[bytes]:
    """The stream with others in the place of some packets, which are counted from the first with sound."""
    first = -HEADERS
    for raw, page in pages(stream):
        here = [packets.get(first + at, packet) for at, packet in enumerate(page.packets)]
        first += len(here)
        yield raw if here == page.packets else replace(page, packets=here).encoded()


def sound_packets(stream: BinaryIO) -> list[bytes]:
    return [packet for _, page in pages(stream) for packet in page.packets][HEADERS:]


def _packets(table: bytes, body: bytes) -> list[bytes]:
    packets, start, length = [], 0, 0
    for segment in table:
        length += segment
        if segment < 255:
            packets.append(body[start : start + length])
            start, length = start + length, 0
    return packets
