"""The expected numbers were computed with the feature extractor of the transformers library (float64)."""

import numpy as np
import pytest

from antiphon.audio.logmel import STEP, log_mel, standardised


@pytest.fixture
def sweep():
    """8 s from 100 Hz to 7.3 kHz, with a second of silence in it."""
    seconds = np.arange(128_000) / 16_000
    samples = (0.5 * np.sin(2 * np.pi * (100 * seconds + 450 * seconds**2))).astype(np.float32)
    samples[64_000:80_000] = 0
    return samples


def test_it_works_like_whispers_own_features(sweep):
    features = log_mel(sweep)
    assert features.shape == (80, 800)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    got = [features[at] for at in [(0, 0), (5, 10), (20, 100), (40, 300), (79, 799), (30, 450)]]
    assert got == pytest.approx([1.3873, 1.3568, -0.2636, -0.5481, 0.4384, -0.5481], abs=1e-4)
    assert features.mean() == pytest.approx(-0.447999, abs=1e-5)
    assert features.std() == pytest.approx(0.347680, abs=1e-5)


def test_standardised_it_is_what_smart_turn_was_trained_on(sweep):
    features = log_mel(standardised(sweep))
    got = [features[at] for at in [(0, 0), (5, 10), (20, 100), (40, 300), (79, 799), (30, 450)]]
    assert got == pytest.approx([1.6275, 1.5971, -0.0233, -0.3078, 0.6787, -0.3078], abs=1e-4)
    assert features.mean() == pytest.approx(-0.206062, abs=1e-5)


def test_silence_is_one_flat_value():
    features = log_mel(np.zeros(5 * STEP, np.float32))
    assert features.shape == (80, 50)
    assert np.ptp(features) == 0


def test_standardised_silence_stays_silence():
    assert not standardised(np.zeros(1600, np.float32)).any()
