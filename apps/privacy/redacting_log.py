"""Striking personal data out of a session's log: every text of every event, also what was split over deltas."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antiphon.redaction import redact
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.conversations.selectors import session_events
from apps.privacy.redacting import Entry, kinds_of, struck_parts
from apps.privacy.redactors import redactor

_AT_ONCE = 500
_NAMES = frozenset(
    {"type", "object", "event_id", "id", "item_id", "response_id", "call_id", "previous_item_id"}
)
_TOO_SHORT = 3  # characters of a part that is looked for by itself: shorter ones are everywhere

Clean = Callable[[str], str]


def redact_log(session: RealtimeSession, entries: Sequence[Entry]) -> int:
    """Rewrites what holds something that the session's agent strikes out; `entries` are those of its transcript as
    they were before. Returns how many events that were. Call it in the transaction of the transcript."""
    kinds = kinds_of(session)
    if not kinds:
        return 0
    found_by = redactor()
    parts = sorted(struck_parts(entries, kinds, found_by).items(), key=lambda part: -len(part[0]))

    def clean(text: str) -> str:
        text = redact(text, found_by.find(text, kinds))
        for part, mark in parts:
            if len(part) >= _TOO_SHORT and part in text:
                text = text.replace(part, mark)
        return text

    whole = _deltas(session)
    done: set[tuple[str, ...]] = set()
    changed: list[SessionEvent] = []
    count = 0
    for event in session_events(session):
        body = clean_leaves(event.body, clean)
        key = _delta_key(event)
        if key and (text := clean(whole[key])) != whole[key]:
            body = {**body, "delta": "" if key in done else text}
            done.add(key)
        if body != event.body:
            event.body = body
            changed.append(event)
        if len(changed) >= _AT_ONCE:
            count += _write(changed)
    return count + _write(changed)


def clean_leaves(value: Any, clean: Clean, name: str = "") -> Any:
    """The same with every text in it cleaned, at any depth, but ids and types."""
    match value:
        case str():
            return value if name in _NAMES else clean(value)
        case Mapping():
            return {key: clean_leaves(inner, clean, key) for key, inner in value.items()}
        case list():
            return [clean_leaves(inner, clean, name) for inner in value]
    return value


def _deltas(session: RealtimeSession) -> Mapping[tuple[str, ...], str]:
    """The texts that are made of several events, whole."""
    whole: defaultdict[tuple[str, ...], str] = defaultdict(str)
    for event in SessionEvent.objects.filter(session=session, type__endswith=".delta").order_by("seq"):
        if key := _delta_key(event):
            whole[key] += event.body["delta"]
    return whole


def _delta_key(event: SessionEvent) -> tuple[str, ...] | None:
    if not event.type.endswith(".delta") or not isinstance(event.body.get("delta"), str):
        return None
    return event.type, event.item_id or "", str(event.body.get("content_index", ""))


def _write(changed: list[SessionEvent]) -> int:
    count = len(changed)
    SessionEvent.objects.bulk_update(changed, ["body"])
    changed.clear()
    return count
