"""Measures turn taking: how often somebody who pauses is cut off, and how long somebody who has finished waits.

    python bench/turn_taking            about eight minutes the first time, one minute after that
    python bench/turn_taking --quick    a fifth of it

The speech is human and read aloud (see corpus.py), the pauses are put in, and the noise is mixed under it; so the
figures compare ways of turn taking, and do not say what happens in free conversation. Voice activity, end-of-turn
model, speech recognition and turn detector are the platform's own; how long the models take is fixed (see deciding.py).
What was tuned was tuned on the development half alone; the tables are about the other one.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import get_args

from clips import Clip, clips_of
from corpus import CorpusError, Split, ambiences, recordings
from deciding import Way, stopped_after_ms
from hearing import THREADS, Ears
from report import Point, csv_lines, drawn, operating_points, points_table

from antiphon.engine.patience import SHORTEST_WAIT_MS, doubt
from antiphon.engine.wording import Wording
from antiphon.protocol.session import Eagerness, SemanticVad, ServerVad

_RECORDINGS = 40  # of each language and split
_QUICK = 8
_SILENCES_MS = (200, 300, 400, 500, 600, 700, 800, 1000, 1200, 1400, 1600)
_LONGEST_MS = (300, 500, 700, 1000, 1400, 2000, 2800, 4000, 5600, 8000, 11_000, 16_000)
_EAGERNESS: tuple[Eagerness, ...] = ("high", "medium", "low")  # auto is medium


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer recordings")
    parser.add_argument("--split", choices=get_args(Split), default="held-out", help="what the tables are about")
    parser.add_argument("--data", type=Path, default=_data_folder(), help="where recordings and answers are kept")
    parser.add_argument("--csv", type=Path, help="write the curves there")
    options = parser.parse_args()
    try:
        clips = _clips(options.data, _QUICK if options.quick else _RECORDINGS, options.split)
    except CorpusError as error:
        raise SystemExit(str(error)) from error
    ears = Ears(options.data)
    _hear_all(clips, ears)
    print(report(clips, ears, options.split, options.csv))


def report(clips: Sequence[Clip], ears: Ears, split: Split, csv: Path | None) -> str:
    alone = [
        _measured(f"{ms} ms of silence", Way(ServerVad(silence_duration_ms=ms)), clips, ears) for ms in _SILENCES_MS
    ]
    curves = {"VAD alone": alone}
    for words in (False, True):
        name = "semantic, sound and words" if words else "semantic, sound alone"
        curves[name] = [
            _measured(f"up to {ms} ms", _up_to(ms, words), clips, ears) for ms in _LONGEST_MS
        ]
    return ""


if __name__ == "__main__":
    main()
