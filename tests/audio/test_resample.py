import numpy as np
import pytest
import soxr

from antiphon.audio.resample import Resampler


def tone(rate, hz, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def in_chunks(resampler, samples, size):
    pieces = [resampler.process(samples[start : start + size]) for start in range(0, len(samples), size)]
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize(
    ("source", "target"),
    [(24_000, 16_000), (16_000, 24_000), (8_000, 24_000), (24_000, 8_000), (48_000, 24_000)],
)
def test_it_works_in_20_ms_chunks_as_for_the_whole(source, target):
    samples = tone(source, 440)
    resampled = in_chunks(Resampler(source, target, np.float32), samples, source // 50)
    assert len(resampled) == target
    assert resampled == pytest.approx(soxr.resample(samples, source, target, quality="LQ"), abs=1e-6)
    middle = slice(target // 10, -target // 10)
    assert resampled[middle] == pytest.approx(tone(target, 440)[middle], abs=0.001)


def test_integers_stay_integers():
    samples = (tone(24_000, 440) * 32767).astype(np.int16)
    resampled = in_chunks(Resampler(24_000, 8_000, np.int16), samples, 480)
    assert resampled.dtype == np.int16
    assert len(resampled) == 8_000


def test_what_the_target_cannot_carry_is_removed_and_not_mirrored():
    resampled = in_chunks(Resampler(24_000, 16_000, np.float32), tone(24_000, 10_000), 480)
    assert np.abs(resampled[1600:-1600]).max() < 0.001


def test_a_20_ms_chunk_comes_out_within_a_few_chunks():
    resampler = Resampler(24_000, 16_000, np.float32)
    received = sum(len(resampler.process(np.zeros(480, np.float32))) for _ in range(5))
    assert received >= 4 * 320


def test_after_a_flush_it_is_as_new():
    resampler = Resampler(24_000, 16_000, np.float32)
    first = in_chunks(resampler, tone(24_000, 440), 480)
    second = in_chunks(resampler, tone(24_000, 440), 480)
    assert second.tolist() == first.tolist()
