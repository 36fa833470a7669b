"""Measures turn taking: how often somebody who pauses is cut off, and how long somebody who has finished waits.

    python bench/turn_taking            about three minutes the first time, one after that
    python bench/turn_taking --quick    a fifth of it

The speech is human and read aloud (see corpus.py), the pauses are put in, and the noise is mixed under it; so the
figures compare ways of turn taking, and do not say what happens in free conversation. Voice activity,
end-of-turn model, speech recognition and turn detector are the platform's own; how long the models take is fixed
(see deciding.py). What was tuned was tuned on the development half alone; the tables are about the other one.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

from clips import Clip, Kind, clips_of
from corpus import CorpusError, Split, ambiences, recordings
from deciding import Way, stopped_after_ms
from hearing import THREADS, Ears
from report import Curves, Point, csv_lines, drawn, operating_points, points_table

from antiphon.config.env import env_data_dir
from antiphon.engine.patience import LONGEST_WAIT_MS, doubt, wait_ms
from antiphon.engine.wording import Wording
from antiphon.protocol.session import Eagerness, SemanticVad, ServerVad
from antiphon.providers.local.weights import Weights

_RECORDINGS = 40  # of each language and split
_QUICK = 8
_SILENCES_MS = (200, 300, 400, 500, 600, 700, 800, 1000, 1200, 1400, 1600)
_LONGEST_MS = (500, 1000, 1400, 2000, 2800, 4000, 5600, 8000, 11_000)
_EAGERNESS: tuple[Eagerness, ...] = ("high", "medium", "low")  # auto is medium
_PAUSES: dict[str, tuple[Kind, ...]] = {
    "all pauses": ("cut", "natural"),
    "pauses put into the middle of a phrase": ("cut",),
    "the speaker's own pauses, lengthened": ("natural",),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer recordings")
    parser.add_argument(
        "--split", choices=get_args(Split), default="held-out", help="what the tables are about"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=env_data_dir() / "bench" / "turn-taking",
        help="where recordings and answers are kept",
    )
    parser.add_argument("--csv", type=Path, help="write the curves there")
    options = parser.parse_args()
    try:
        found = recordings(options.data, _QUICK if options.quick else _RECORDINGS)
        noises = ambiences(options.data)
    except CorpusError as error:
        raise SystemExit(str(error)) from error
    clips = [clip for clip in clips_of(found, noises) if clip.split == options.split]
    ears = Ears(options.data, Weights(None, env_data_dir() / "models"))
    ask_everything(clips, ears)
    print("\n\n".join(report(clips, ears)))
    if options.csv:
        options.csv.write_text("\n".join(csv_lines(_curves(clips, ears))) + "\n")


def ask_everything(clips: Sequence[Clip], ears: Ears) -> None:
    """Lets the models answer what the most patient way asks; of what others ask, little is missing then."""
    way = Way(SemanticVad(eagerness="low"), words=True)
    ears.listen(clips)
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(lambda clip: stopped_after_ms(clip, ears, way), clips):
            pass
    ears.save()


def report(clips: Sequence[Clip], ears: Ears) -> list[str]:
    """The sections of the report."""
    sections = []
    for title, kinds in _PAUSES.items():
        chosen = [clip for clip in clips if clip.kind == "end" or clip.kind in kinds]
        ends = sum(clip.kind == "end" for clip in chosen)
        alone = [measured(name, way, chosen, ears) for name, way in _alone().items()]
        points = [measured(name, way, chosen, ears) for name, way in _by_eagerness().items()]
        sections.append(f"{len(chosen) - ends} pauses ({title}), {ends} ends\n{points_table(points, alone)}")
    curves = _curves(clips, ears)
    sections += [f"{name}: mean delay, and pauses cut off\n{drawn(curve)}" for name, curve in curves.items()]
    sections.append(operating_points(curves))
    ears.save()
    return sections


def measured(name: str, way: Way, clips: Sequence[Clip], ears: Ears) -> Point:
    """How one way does. A clip's pause is cut off if the turn ends within it."""
    outcomes = [(clip.kind, stopped_after_ms(clip, ears, way)) for clip in clips]
    pauses = [stopped is not None for kind, stopped in outcomes if kind != "end"]
    ends = [stopped for kind, stopped in outcomes if kind == "end"]
    delays = tuple(stopped for stopped in ends if stopped is not None)
    return Point(name, sum(pauses) / len(pauses), delays, len(ends) - len(delays))


def _curves(clips: Sequence[Clip], ears: Ears) -> Curves:
    families = {
        "VAD alone": _alone(),
        "semantic, by sound alone": {f"up to {ms} ms": _up_to(ms, words=False) for ms in _LONGEST_MS},
        "semantic, by sound and words": {f"up to {ms} ms": _up_to(ms, words=True) for ms in _LONGEST_MS},
    }
    return {
        name: [measured(point, way, clips, ears) for point, way in family.items()]
        for name, family in families.items()
    }


def _alone() -> dict[str, Way]:
    return {f"{ms} ms of silence": Way(ServerVad(silence_duration_ms=ms)) for ms in _SILENCES_MS}


def _by_eagerness() -> dict[str, Way]:
    ways = {}
    for eagerness in _EAGERNESS:
        settings = SemanticVad(eagerness=eagerness)
        ways[f"{eagerness}: yes or no at 0.5"] = Way(settings, patience=_yes_or_no)
        ways[f"{eagerness}: by sound alone"] = Way(settings)
        ways[f"{eagerness}: by sound and words"] = Way(settings, words=True)
    return ways


def _up_to(longest_ms: int, words: bool) -> Way:
    """Between and beyond the eagernesses: the same function with another longest wait."""

    def patience(probability: float, wording: Wording, _: Eagerness) -> int:
        return wait_ms(doubt(probability, wording), longest_ms)

    return Way(SemanticVad(eagerness="low"), words, patience)


def _yes_or_no(probability: float, _: Wording, eagerness: Eagerness) -> int:
    """The simplest way to use a score, to compare with."""
    return 200 if probability >= 0.5 else LONGEST_WAIT_MS[eagerness]


if __name__ == "__main__":
    main()
