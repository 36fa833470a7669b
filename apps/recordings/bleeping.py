"""What must not be heard becomes a tone. Only the packets in which it is are encoded anew."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from apps.recordings import ogg
from apps.recordings.encoding import Encoder
from apps.recordings.sound import Pcm, Sound

_HERTZ = 1000
_LOUD = 0.1  # of full scale
_PACKET_MS = 20  # as libsndfile writes them
_AROUND = (
    6  # packets: an encoder needs some until it sounds as the one that goes on (RFC 7845, section 4.6: 80 ms)
)


class Bleep(NamedTuple):
    """From one ms of the recording to before another, in a channel: 0 is the user's."""

    channel: int
    start_ms: int
    end_ms: int


def bleeped(pcm: Iterable[Pcm], bleeps: Sequence[Bleep], sample_rate: int, start: int = 0) -> Iterator[Pcm]:
    """Blocks that follow each other, from frame `start` of the recording on, with tones where bleeps are."""
    for block in pcm:
        end = start + len(block)
        for bleep in bleeps:
            low = max(bleep.start_ms * sample_rate // 1000, start)
            high = min(-(-bleep.end_ms * sample_rate // 1000), end)
            if low < high:
                block[low - start : high - start, bleep.channel] = _tone(low, high, sample_rate)
        start = end
        yield block


def packets_of(sound: Sound, bleeps: Sequence[Bleep]) -> Mapping[int, bytes]:
    """The packets of a recording in Opus that change by bleeps, by their numbers.

    Encoders of one kind delay alike: what one makes of the sound from the beginning of packet n on are packets n,
    n + 1, and so on.
    """
    length = sound.rate * _PACKET_MS // 1000
    found: dict[int, bytes] = {}
    for first, end in _ranges(bleeps):
        begin = max(first - _AROUND, 0)
        pcm = sound.blocks(begin * length, (end + _AROUND) * length)
        anew = _encoded(bleeped(pcm, bleeps, sound.rate, begin * length))
        found |= {number: anew[number - begin] for number in range(first, min(end, begin + len(anew)))}
    return found


def _ranges(bleeps: Sequence[Bleep]) -> Iterator[tuple[int, int]]:
    """Of packets, those that touch joined: from one to before another."""
    ranges = sorted(
        (max(bleep.start_ms // _PACKET_MS - 1, 0), bleep.end_ms // _PACKET_MS + 2 + _AROUND)
        for bleep in bleeps
    )
    joined: list[tuple[int, int]] = []
    for first, end in ranges:
        if joined and first <= joined[-1][1] + _AROUND:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((first, end))
    yield from joined


def _encoded(pcm: Iterable[Pcm]) -> list[bytes]:
    encoder = Encoder()
    stream = b"".join(encoder.encode(block) for block in pcm) + encoder.finish()
    return ogg.sound_packets(io.BytesIO(stream))


def _tone(low: int, high: int, sample_rate: int) -> Pcm:
    at = np.arange(low, high) * (2 * np.pi * _HERTZ / sample_rate)
    tone: Pcm = (np.sin(at) * (_LOUD * 32_767)).astype(np.int16)
    return tone
