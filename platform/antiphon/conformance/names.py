"""Canonical names for ids: the first item that a server makes is `item_1`, the next one `item_2`.

An id is known by where it stands, not by what it looks like, because every server makes its own. Ids that the
client chose stay as they are.
"""

import re
from collections.abc import Mapping
from typing import Any

from antiphon.conformance.cases import CaseError

_KINDS: Mapping[str, str] = {
    "item_id": "item",
    "previous_item_id": "item",
    "approval_request_id": "item",
    "response_id": "resp",
    "conversation_id": "conv",
    "call_id": "call",
}
# Whose `id` is which kind; list elements count as what their list is called.
_OWNERS: Mapping[str, str] = {
    "item": "item",
    "output": "item",
    "input": "item",
    "response": "resp",
    "conversation": "conv",
    "session": "sess",
}
_NAME = re.compile(r"(?:item|resp|conv|call|sess|rtc)_[1-9]\d*")


class Names:
    """The ids of one case, in both directions."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by the server's id
        self._ids: dict[str, str] = {}  # by name
        self._counts: dict[str, int] = {}
        self._clients: set[str] = set()

    def canonical(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """A server event with names for ids and without its own `event_id`."""
        named: dict[str, Any] = self._walk(event, "")
        named.pop("event_id", None)
        return named

    def wire(self, event: Any, owner: str = "") -> Any:
        """A client event with the server's ids for names. Raises CaseError for one that has not come yet."""
        match event:
            case dict():
                sent = {}
                for key, value in event.items():
                    sent[key] = self.wire(value, key)
                    if _kind(key, owner) and isinstance(value, str) and sent[key] == value:
                        self._clients.add(value)
                return sent
            case list():
                return [self.wire(element, owner) for element in event]
            case str() if _NAME.fullmatch(event):
                if event not in self._ids:
                    raise CaseError(f"{event} is used before the server made it: wait for its event first.")
                return self._ids[event]
        return event

    def _walk(self, value: Any, owner: str) -> Any:
        match value:
            case dict():
                return {
                    key: self._name(kind, element)
                    if (kind := _kind(key, owner)) and isinstance(element, str)
                    else self._in_words(element)
                    if key == "message" and isinstance(element, str)
                    else self._walk(element, key)
                    for key, element in value.items()
                }
            case list():
                return [self._walk(element, owner) for element in value]
        return value

    def _name(self, kind: str, server_id: str) -> str:
        if server_id in self._clients:
            return server_id
        if server_id not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"{kind}_{self._counts[kind]}"
            self._names[server_id] = name
            self._ids[name] = server_id
        return self._names[server_id]

    def _in_words(self, message: str) -> str:
        for server_id, name in self._names.items():
            message = message.replace(server_id, name)
        return message


def _kind(key: str, owner: str) -> str | None:
    if (owner, key) == ("session", "call_id"):  # of the call that carries a session, not of a function
        return "rtc"
    return _OWNERS.get(owner) if key == "id" else _KINDS.get(key)
