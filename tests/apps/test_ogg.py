"""Pages of Ogg, and packets in them that are exchanged for others."""

import io

import numpy as np
import pytest
import soundfile

from apps.recordings.encoding import Encoder
from apps.recordings.ogg import checksum, exchanged, pages, sound_packets

RATE = 24_000


@pytest.fixture(scope="module")
def stream() -> bytes:
    encoder = Encoder()
    sound = np.random.default_rng(1).integers(-9000, 9000, (5 * RATE, 2)).astype(np.int16)
    return encoder.encode(sound) + encoder.finish()


def test_it_works(stream: bytes) -> None:
    found = list(pages(io.BytesIO(stream)))
    assert b"".join(raw for raw, _ in found) == stream
    assert [page.encoded() for _, page in found] == [raw for raw, _ in found]
    assert [page.number for _, page in found] == list(range(len(found)))


def test_the_checksum_is_that_of_rfc_3533() -> None:
    assert checksum(b"123456789") == 0x89A1897F  # CRC-32 of 0x04c11db7, neither reflected nor inverted


def test_exchanged_packets_are_in_the_place_of_the_others(stream: bytes) -> None:
    packets = sound_packets(io.BytesIO(stream))
    silent = b"\xdc\xff\xfe"
    changed = b"".join(exchanged(io.BytesIO(stream), {3: silent, 200: silent}))
    expected = [silent if number in (3, 200) else packet for number, packet in enumerate(packets)]
    assert sound_packets(io.BytesIO(changed)) == expected
    same = [raw for raw, _ in pages(io.BytesIO(changed)) if raw in stream]
    assert len(same) == len(list(pages(io.BytesIO(stream)))) - 2
    assert soundfile.info(io.BytesIO(changed)).frames == soundfile.info(io.BytesIO(stream)).frames


@pytest.mark.parametrize("lost", [1, 30, 5000])
def test_what_is_cut_off_is_left_out(stream: bytes, lost: int) -> None:
    found = list(pages(io.BytesIO(stream[:-lost])))
    assert 2 < len(found) < len(list(pages(io.BytesIO(stream))))
    assert stream.startswith(b"".join(raw for raw, _ in found))


def test_something_else_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match="no page of Ogg"):
        list(pages(io.BytesIO(b"RIFF" + bytes(100))))
    raw, _ = list(pages(io.BytesIO(stream)))[3]
    continued = raw[:5] + b"\x01" + raw[6:]
    with pytest.raises(ValueError, match="lies across pages"):
        list(pages(io.BytesIO(continued)))
