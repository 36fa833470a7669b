import numpy as np
import pytest

from antiphon.audio.downsample import AFTER, BEFORE, to_16_khz

LENGTH = 24_000  # one second


def tone(hertz):
    return np.round(8192 * np.sin(2 * np.pi * hertz * np.arange(-BEFORE, LENGTH + AFTER) / 24_000))


def made_of(*tones):
    return to_16_khz(np.stack(tones).astype(np.int16))


@pytest.mark.parametrize("hertz", [50, 440, 3000, 5800])
def test_it_works_on_what_is_audible_at_16_khz(hertz):
    [samples] = made_of(tone(hertz))
    expected = 0.25 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)
    assert samples.dtype == np.float32
    assert samples == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("hertz", [8600, 9500, 11_900])
def test_what_would_alias_is_left_out(hertz):
    [samples] = made_of(tone(hertz))
    assert np.abs(samples).max() < 0.25 / 300  # 50 dB


def test_a_row_is_what_it_would_be_alone():
    together = made_of(tone(100), tone(1000), tone(2000))
    assert together[1] == pytest.approx(made_of(tone(1000))[0], abs=1e-6)


def test_pieces_join_without_a_seam():
    whole = tone(700)
    half = LENGTH // 2
    first, second = made_of(whole[: BEFORE + half + AFTER], whole[half:])
    assert np.concatenate([first, second]) == pytest.approx(made_of(whole)[0], abs=1e-6)
