"""Failures on demand: the next calls that match fail as a network or Stripe would."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import stripe

from apps.billing.fake.refusals import Refusal, card_error

Kind = Literal["timeout", "connection", "conflict", "rate_limit", "server_error", "card_declined"]


@dataclass
class Scripted:
    """`after`: the call takes effect, and only its answer is lost."""

    method: str
    path: str
    kind: Kind
    times: int
    after: bool


class Script:
    """What is to fail; each entry is used up by the calls that it fails."""

    def __init__(self) -> None:
        self._entries: list[Scripted] = []

    def add(self, method: str, path: str, kind: Kind, *, times: int, after: bool) -> None:
        if after and kind not in ("timeout", "connection", "server_error"):
            raise ValueError(f"{kind} is an answer of its own: only a lost answer comes after the effect")
        self._entries.append(Scripted(method.lower(), path, kind, times, after))

    def take(self, method: str, path: str) -> Scripted | None:
        for entry in self._entries:
            if entry.method in ("*", method) and fnmatchcase(path, entry.path):
                entry.times -= 1
                if not entry.times:
                    self._entries.remove(entry)
                return entry
        return None


def failure(kind: Kind) -> Exception:
    if kind == "timeout":
        return stripe.APIConnectionError("Request timed out.", should_retry=True)  # type: ignore[no-untyped-call]
    if kind == "connection":
        return stripe.APIConnectionError("Could not connect.", should_retry=True)  # type: ignore[no-untyped-call]
    if kind == "conflict":
        return Refusal(
            "There is currently another in-progress request using this idempotency key or object.",
            status=409,
            code="lock_timeout",
        )
    if kind == "rate_limit":
        return Refusal("Request rate limit exceeded.", status=429, code="rate_limit")
    if kind == "server_error":
        return Refusal("An unknown error occurred.", status=500, type="api_error")
    return card_error("Your card was declined.", "card_declined", "generic_decline")
