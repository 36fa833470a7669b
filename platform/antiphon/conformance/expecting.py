"""What a case expects: server events in order, with groups for those whose order or number varies."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from antiphon.conformance.cases import CaseError
from antiphon.conformance.matching import Bindings, Mismatch, match
from antiphon.conformance.report import shown

Event = Mapping[str, Any]


class Unexpected(Exception):
    """An event does not belong where it came. `near`: it has the type that was expected there."""

    def __init__(self, message: str, *, near: bool = False) -> None:
        super().__init__(message)
        self.near = near


class Expectation(Protocol):
    def take(self, event: Event, bindings: Bindings) -> None:
        """Raises Unexpected, and has then changed nothing."""

    @property
    def satisfied(self) -> bool:
        """Nothing more needs to come."""

    @property
    def open(self) -> bool:
        """More may come."""

    def next(self) -> str:
        """What it waits for, in words."""


class One:
    """One event, once, or at most once."""

    def __init__(self, line: int, pattern: Mapping[str, Any], *, optional: bool = False) -> None:
        self._line = line
        self._pattern = pattern
        self._optional = optional
        self._taken = False

    def take(self, event: Event, bindings: Bindings) -> None:
        if self._taken:
            raise Unexpected(f"expected.jsonl line {self._line} has had its event already")
        trial = dict(bindings)
        try:
            match(self._pattern, event, trial)
        except Mismatch as mismatch:
            near = mismatch.path != "type" and event.get("type") == self._pattern.get("type")
            raise Unexpected(f"expected.jsonl line {self._line}, {mismatch}", near=near) from None
        bindings.update(trial)
        self._taken = True

    @property
    def satisfied(self) -> bool:
        return self._taken or self._optional

    @property
    def open(self) -> bool:
        return not self._taken

    def next(self) -> str:
        return f"line {self._line}: {shown(self._pattern, 300)}"


class Repeat:
    """A run of events, each like one of the patterns, and every pattern at least once unless it is optional."""

    def __init__(self, line: int, patterns: Sequence[Mapping[str, Any]], *, optional: bool) -> None:
        self._ones = [(line, pattern) for pattern in patterns]
        self._missing = set() if optional else set(range(len(patterns)))

    def take(self, event: Event, bindings: Bindings) -> None:
        problems = []
        for index, (line, pattern) in enumerate(self._ones):
            try:
                One(line, pattern).take(event, bindings)
            except Unexpected as problem:
                problems.append(problem)
            else:
                self._missing.discard(index)
                return
        raise _nearest(problems)

    @property
    def satisfied(self) -> bool:
        return not self._missing

    @property
    def open(self) -> bool:
        return True

    def next(self) -> str:
        line, pattern = self._ones[min(self._missing, default=0)]
        return One(line, pattern).next()


class InOrder:
    """One expectation after the other; what is satisfied may be left as soon as the next one's event comes."""

    def __init__(self, entries: Sequence[Expectation]) -> None:
        self._entries = list(entries)

    def take(self, event: Event, bindings: Bindings) -> None:
        problems = []
        for index, entry in enumerate(self._entries):
            try:
                entry.take(event, bindings)
            except Unexpected as problem:
                problems.append(problem)
                if not entry.satisfied:
                    raise _nearest(problems) from None
            else:
                self._entries = self._entries[index if entry.open else index + 1 :]
                return
        raise _nearest(problems) if problems else Unexpected("Nothing more was expected.")

    @property
    def satisfied(self) -> bool:
        return all(entry.satisfied for entry in self._entries)

    @property
    def open(self) -> bool:
        return bool(self._entries)

    def next(self) -> str:
        waiting = (entry.next() for entry in self._entries if not entry.satisfied)
        return next(waiting, "nothing more")


class AnyOrder:
    """Several sequences that may be interleaved in any way."""

    def __init__(self, branches: Sequence[InOrder]) -> None:
        self._branches = branches

    def take(self, event: Event, bindings: Bindings) -> None:
        problems = []
        for branch in self._branches:
            if not branch.open:
                continue
            try:
                branch.take(event, bindings)
            except Unexpected as problem:
                problems.append(problem)
            else:
                return
        raise _nearest(problems) if problems else Unexpected("Nothing more was expected.")

    @property
    def satisfied(self) -> bool:
        return all(branch.satisfied for branch in self._branches)

    @property
    def open(self) -> bool:
        return any(branch.open for branch in self._branches)

    def next(self) -> str:
        return next(branch.next() for branch in self._branches if not branch.satisfied)


def parse(lines: Sequence[tuple[int, Mapping[str, Any]]]) -> InOrder:
    """The expectation that these lines, each with its number, describe. Raises CaseError."""
    return InOrder([_entry(number, line) for number, line in lines])


def _entry(number: int, line: Any) -> Expectation:
    if isinstance(line, dict):
        if "@repeat" in line:
            patterns = line["@repeat"]
            patterns = patterns if isinstance(patterns, list) else [patterns]
            return Repeat(number, patterns, optional=line.get("@optional", False))
        if "@unordered" in line:
            return AnyOrder([_branch(number, branch) for branch in line["@unordered"]])
        if "@optional" in line:
            return One(number, line["@optional"], optional=True)
        return One(number, line)
    raise CaseError(f"expected.jsonl line {number}: {shown(line, 100)} is no event and no group of events.")


def _branch(number: int, branch: Any) -> InOrder:
    entries = branch if isinstance(branch, list) else [branch]
    return InOrder([_entry(number, entry) for entry in entries])


def _nearest(problems: Sequence[Unexpected]) -> Unexpected:
    """The one that tells most: about the event's own type, else about what had to come."""
    return next((problem for problem in problems if problem.near), problems[-1])
