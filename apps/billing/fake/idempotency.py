"""The same key gets the same answer, for a day."""

import hashlib

from apps.billing.fake.refusals import Refusal
from apps.billing.fake.state import State

DAY = 86_400


def fingerprint(method: str, path: str, body: str) -> str:
    return hashlib.sha256(f"{method} {path}\n{body}".encode()).hexdigest()


def replayed(state: State, key: str, print: str) -> tuple[str, int] | None:
    """The answer that the key got before. Raises Refusal where it came with another call or other parameters."""
    known = state.document["keys"].get(key)
    if known is None or state.now - known["created"] >= DAY:
        return None
    if known["print"] != print:
        raise Refusal(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
            checked=True,
        )
    return known["body"], known["status"]


def remember(state: State, key: str, print: str, body: str, status: int) -> None:
    state.document["keys"][key] = {"print": print, "body": body, "status": status, "created": state.now}
