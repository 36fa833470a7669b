"""What clients were told that they use, and how that differs from what was recorded."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple


class Line(NamedTuple):
    """A quantity that a client was told of. `price_micro` is None where nobody knows the price."""

    record: str
    unit: str
    kind: str
    model: str
    quantity: int
    price_micro: int | None
    estimated: bool


Ending = Literal["hung up", "left", "broken off", "lost", "open"]
"""`hung up`: by the platform, on our behalf, so that the client hears all there is. `left` and `broken off`: by the
client, politely or not. `lost`: by nobody; its process died."""


@dataclass(slots=True)
class Session:
    """One session as its client saw it. `port` is the client's. `words` are those of each answer that was
    completed, by its response."""

    id: str
    port: int
    was_resumed: bool = False
    lines: list[Line] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)
    ending: Ending = "open"
    close_code: int | None = None
    ended_at: float = 0.0  # of time.monotonic()

    def hear(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "response.done":
                response = event["response"]
                self._note(response.get("antiphon_usage", {}).get("lines", ()))
                if response["status"] == "completed":
                    self.words[response["id"]] = len(_text(response).split())
            case "antiphon.usage.recorded":
                self._note(event["lines"])

    def _note(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self.lines += [Line(**{name: line[name] for name in Line._fields}) for line in lines]


def differences(sessions: Iterable[Session], records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each line that was told and is not what was recorded, or the other way round.

    `records` are those of `manage.py usage --json`. That something was recorded and not told is right only where
    the client could not hear it.
    """
    recorded = [_line_of(record) for record in records]
    by_key = {(line.record, line.unit): line for line in recorded}
    for (record, unit), count in Counter((line.record, line.unit) for line in recorded).items():
        if count > 1:
            yield f"{record}: {unit} was recorded {count} times."
    of_session: dict[str, list[Line]] = {}
    for line in recorded:
        of_session.setdefault(line.record.partition(":")[0], []).append(line)
    for session in sessions:
        told = Counter((line.record, line.unit) for line in session.lines)
        for (record, unit), count in told.items():
            if count > 1:
                yield f"{record}: {unit} was told {count} times."
        for line in session.lines:
            found = by_key.get((line.record, line.unit))
            if found is None:
                yield f"{line.record}: {line.quantity} {line.unit} were told and never recorded."
            elif found != line:
                yield f"{line.record}: told was {line}, recorded is {found}."
        own = of_session.get(session.id, [])
        if session.ending == "hung up":
            for line in own:
                if (line.record, line.unit) not in told:
                    yield f"{line.record}: {line.quantity} {line.unit} were recorded and never told."
        yield from _other_words(session, own)


def _other_words(session: Session, recorded: Iterable[Line]) -> Iterator[str]:
    """The scripted model says as many tokens as words: a count that the platform has no part in."""
    tokens = Counter[str]()
    for line in recorded:
        if line.kind == "response" and line.unit == "output_text_token":
            tokens[line.record.split(":")[2]] += line.quantity
    for response, words in session.words.items():
        if tokens[response] != words:
            yield f"{session.id}: {response} had {words} words, recorded are {tokens[response]} tokens."


def _line_of(record: Mapping[str, Any]) -> Line:
    price = None if record["unpriced"] else record["price_micro"]
    return Line(**{name: record[name] for name in Line._fields if name != "price_micro"}, price_micro=price)


def _text(response: Mapping[str, Any]) -> str:
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return " ".join(part.get("text") or part.get("transcript") or "" for part in parts)
