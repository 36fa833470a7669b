"""Results for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Outcome:
    """What happened in one case. `problem` is None if it passed, `skipped` the requirement that was not met.

    `events` are those the server sent, with canonical ids; `frames` the same as they came.
    """

    name: str
    about: str
    problem: str | None = None
    skipped: str | None = None
    seconds: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return "skip" if self.skipped else "FAIL" if self.problem else "ok"

    def text(self) -> str:
        head = f"{self.verdict:5}{self.name}  {self.seconds:.2f} s"
        if self.skipped:
            return f"{self.verdict:5}{self.name}  needs {self.skipped}"
        if self.problem is None:
            return head
        return "\n".join(
            [head, f"     {self.about}", *("     " + line for line in self.problem.splitlines())]
        )


def summary(outcomes: Sequence[Outcome]) -> str:
    counts = [(label, sum(o.verdict == verdict for o in outcomes)) for verdict, label in _LABELS.items()]
    seconds = sum(outcome.seconds for outcome in outcomes)
    return ", ".join(f"{count} {label}" for label, count in counts) + f" in {seconds:.1f} s"


def as_json(outcomes: Sequence[Outcome]) -> str:
    """An object with one entry for each case, and the events of those that failed."""
    cases = [
        {
            "name": outcome.name,
            "about": outcome.about,
            "verdict": outcome.verdict.lower(),
            "problem": outcome.problem,
            "needs": outcome.skipped,
            "seconds": round(outcome.seconds, 3),
            "events": outcome.events if outcome.problem else [],
        }
        for outcome in outcomes
    ]
    return json.dumps({"cases": cases}, indent=1, ensure_ascii=False)


def shown(value: Any, most: int) -> str:
    """JSON on one line, cut to `most` characters, with audio and other long strings shortened first."""
    text = json.dumps(_shortened(value), ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}..."


def _shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > 120:
            return f"{value[:60]}... ({len(value)} characters)"
        case list():
            return [_shortened(element) for element in value]
        case dict():
            return {key: _shortened(element) for key, element in value.items()}
    return value


_LABELS = {"ok": "passed", "FAIL": "failed", "skip": "skipped"}
