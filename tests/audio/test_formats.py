"""Audio in a client's format and in ours, whole and in pieces."""

import numpy as np
import pytest

from antiphon.audio import formats
from antiphon.audio.formats import Decoder, Encoder, Format
from antiphon.audio.pcm import to_int16

EVERY = [
    Format("pcmu", 8_000),
    Format("pcma", 8_000),
    *(Format(rate=r) for r in (8_000, 16_000, 44_100, 48_000)),
]
SECOND = (np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000) * 10_000).astype("<i2").tobytes()


def loudness(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.square(to_int16(pcm).astype(float)))))


@pytest.mark.parametrize("format", EVERY)
def test_it_works_there_and_back(format: Format) -> None:
    data = formats.encode(SECOND, format)
    assert len(data) == format.rate * format.bytes_per_sample
    back = formats.decode(data, format)
    assert len(back) == len(SECOND)
    assert loudness(back) == pytest.approx(loudness(SECOND), rel=0.03)
    middle = slice(4_800, 43_200)  # the ends ring a little
    difference = to_int16(back[middle]).astype(float) - to_int16(SECOND[middle])
    assert np.sqrt(np.mean(np.square(difference))) < 0.03 * loudness(SECOND)


@pytest.mark.parametrize("format", EVERY)
def test_pieces_join_to_the_whole_and_nothing_is_lost(format: Format) -> None:
    encoder, decoder = Encoder(format), Decoder(format)
    data = b"".join(encoder.encode(SECOND[at : at + 961 * 2]) for at in range(0, len(SECOND), 961 * 2))
    data += encoder.flush()
    assert len(data) == format.rate * format.bytes_per_sample
    back = b"".join(decoder.decode(data[at : at + 333]) for at in range(0, len(data), 333)) + decoder.flush()
    assert abs(len(back) - len(SECOND)) <= 4
    assert loudness(back) == pytest.approx(loudness(SECOND), rel=0.03)


def test_our_own_format_passes_untouched() -> None:
    assert Encoder(Format()).encode(SECOND) is SECOND
    assert Decoder(Format()).decode(SECOND) is SECOND


def test_half_a_sample_waits_for_its_other_half() -> None:
    decoder = Decoder(Format())
    assert decoder.decode(b"\x01\x02\x03") == b"\x01\x02"
    assert decoder.decode(b"\x04\x05\x06") == b"\x03\x04\x05\x06"


def test_a_flushed_stream_starts_anew() -> None:
    decoder = Decoder(Format("pcmu", 8_000))
    first = to_int16(decoder.decode(b"\x80" * 800) + decoder.flush())
    second = to_int16(decoder.decode(b"\x80" * 800) + decoder.flush())
    assert len(second) == len(first)
    assert np.abs(second.astype(int) - first).max() <= 2  # soxr dithers
