"""Speech with pauses and noise: each clip holds one moment at which a detector is right or wrong."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal

import numpy as np
from corpus import BLOCK, Recording, Samples, Split, fraction

from antiphon.audio.pcm import SAMPLE_RATE, from_float

Kind = Literal["cut", "natural", "end"]

TAIL_MS = 11_500  # longer than the longest wait

_LEAD_MS = 400
_PAUSES_MS = (300, 1500)
_SNR_DB = (10, 20)
_LEVEL_DB = (-35, -20)  # of the speech, to full scale
_FADE = SAMPLE_RATE // 100  # samples, around a cut
_QUIET = 0.05  # of a recording's loudness: a speaker's own pause
_SHORTEST_NATURAL_MS = 150
_LEAST_SPEECH_MS = 600  # on both sides of a pause
_BABBLERS = 6


@dataclass(frozen=True)
class Clip:
    """PCM16 at 24 kHz. `quiet_from` and `quiet_to` (samples) bound the moment: a pause, or what follows the end."""

    name: str
    language: str
    split: Split
    kind: Kind
    pcm: bytes
    quiet_from: int
    quiet_to: int

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.pcm).hexdigest()[:24]


def clips_of(recordings: Sequence[Recording], noises: Mapping[str, Samples]) -> Iterator[Clip]:
    """Of each recording: its end; a pause put into its middle, where there is none; and, if it has one, a pause
    of the speaker's own, lengthened. Pauses last from 300 to 1500 ms, evenly spread on a logarithmic scale."""
    babble = {
        split: _babble([recording for recording in recordings if recording.split == split])
        for split in ("dev", "held-out")
    }
    for recording in recordings:
        beds = {**noises, "babble": babble[recording.split]}
        end = len(recording.samples)
        yield _clip(recording, "end", end, end, TAIL_MS, beds)
        if (middle := _quietest(recording.loudness)) is not None:
            yield _clip(recording, "cut", middle * BLOCK, middle * BLOCK, _pause_ms(recording, "cut"), beds)
        if own := _own_pause(recording.loudness):
            first, last = own
            longer = max(_pause_ms(recording, "natural"), (last - first) * 10)
            yield _clip(recording, "natural", first * BLOCK, last * BLOCK, longer, beds)


def _clip(
    recording: Recording, kind: Kind, before: int, after: int, quiet_ms: int, noises: Mapping[str, Samples]
) -> Clip:
    """The speech up to `before`, then quiet, then the speech from `after`; noise under all of it."""
    name = f"{recording.name}/{kind}"
    level = _between(_LEVEL_DB, name, "level")
    samples = recording.samples * np.float32(10 ** (level / 20) / _loudness(recording.samples))
    head, rest = samples[:before].copy(), samples[after:].copy()
    ramp = np.linspace(0, 1, _FADE, dtype=np.float32)
    head[-_FADE:] *= ramp[::-1]
    if len(rest):
        rest[:_FADE] *= ramp
    lead = _silence(_LEAD_MS)
    clean = np.concatenate([lead, head, _silence(quiet_ms), rest])
    bed = noises[sorted(noises)[int(fraction(name, "noise") * len(noises))]]
    start = int(fraction(name, "where") * len(bed))
    noise = np.resize(np.roll(bed, -start), len(clean))
    snr = _between(_SNR_DB, name, "snr")
    noise = noise * np.float32(10 ** ((level - snr) / 20) / _loudness(noise))
    quiet_from = len(lead) + before
    return Clip(
        name,
        recording.language,
        recording.split,
        kind,
        from_float(clean + noise),
        quiet_from,
        quiet_from + len(_silence(quiet_ms)),
    )


def _quietest(loudness: Samples) -> int | None:
    """The block in the middle where a pause cuts the least: mostly between two words."""
    first, last = int(len(loudness) * 0.35), int(len(loudness) * 0.75)
    least = _LEAST_SPEECH_MS // 10
    first, last = max(first, least), min(last, len(loudness) - least)
    if first >= last:
        return None
    smooth = np.convolve(loudness, np.ones(6) / 6, "same")
    for pause_from, pause_to in _pauses(loudness):
        smooth[pause_from - 5 : pause_to + 5] = np.inf
    quietest = first + int(np.argmin(smooth[first:last]))
    return quietest if np.isfinite(smooth[quietest]) else None


def _own_pause(loudness: Samples) -> tuple[int, int] | None:
    """The longest pause that the speaker made, as blocks from and to."""
    return max(_pauses(loudness), key=lambda pause: pause[1] - pause[0], default=None)


def _pauses(loudness: Samples) -> list[tuple[int, int]]:
    quiet = loudness < _QUIET * np.quantile(loudness, 0.95)
    runs = [
        (run[0], run[-1] + 1)
        for is_quiet, group in groupby(range(len(quiet)), lambda block: bool(quiet[block]))
        if is_quiet and (run := list(group))
    ]
    least = _LEAST_SPEECH_MS // 10
    return [
        (first, last)
        for first, last in runs
        if first >= least and last <= len(quiet) - least and (last - first) * 10 >= _SHORTEST_NATURAL_MS
    ]


def _babble(recordings: Iterable[Recording]) -> Samples:
    """Six voices at once: each says one recording after another."""
    voices = [np.zeros(0, np.float32)] * _BABBLERS
    for index, recording in enumerate(recordings):
        voices[index % _BABBLERS] = np.concatenate(
            [voices[index % _BABBLERS], recording.samples / _loudness(recording.samples)]
        )
    length = min(map(len, voices))
    mixed: Samples = np.sum([voice[:length] for voice in voices], axis=0, dtype=np.float32)
    return mixed


def _pause_ms(recording: Recording, kind: Kind) -> int:
    shortest, longest = _PAUSES_MS
    return int(shortest * (longest / shortest) ** fraction(f"{recording.name}/{kind}", "pause"))


def _between(bounds: tuple[int, int], name: str, purpose: str) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * fraction(name, purpose)


def _silence(milliseconds: int) -> Samples:
    return np.zeros(milliseconds * SAMPLE_RATE // 1000, np.float32)


def _loudness(samples: Samples) -> np.float32:
    return np.float32(np.sqrt(np.square(samples).mean()) + 1e-9)
