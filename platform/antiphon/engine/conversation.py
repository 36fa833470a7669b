"""The conversation: items in order, each found, inserted and removed in constant time."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from antiphon.engine.playout import Speech
from antiphon.protocol import errors
from antiphon.protocol.items import Item

ROOT = "root"


@dataclass(slots=True)
class Entry:
    """An item and what only we know of it.

    `transcript` is what the user said in the item's audio, None while that is being recognised, whether or not
    the client asked to see it; `is_silence` marks a turn in which the user let time pass. `speech` is what an
    assistant's audio says and how much of it was heard.
    """

    item: Item
    transcript: str | None = ""
    show_transcript: bool = False
    is_silence: bool = False
    speech: Speech | None = None


@dataclass(slots=True)
class _Node:
    entry: Entry
    previous: str | None
    next: str | None = None


@dataclass(slots=True)
class Conversation:
    """`reserved` are ids that clients can't give to items of theirs: something will still come under them."""

    id: str
    reserved: set[str] = field(default_factory=set)
    _nodes: dict[str, _Node] = field(default_factory=dict)
    _first: str | None = None
    _last: str | None = None

    def __iter__(self) -> Iterator[Entry]:
        item_id = self._first
        while item_id is not None:
            node = self._nodes[item_id]
            yield node.entry
            item_id = node.next

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._nodes

    def find(self, item_id: str) -> Entry | None:
        node = self._nodes.get(item_id)
        return node.entry if node else None

    def previous_id(self, item_id: str) -> str | None:
        return self._nodes[item_id].previous

    def remove(self, item_id: str) -> None:
        """The item leaves; its neighbours become each other's. Raises KeyError."""
        node = self._nodes.pop(item_id)
        if node.previous is None:
            self._first = node.next
        else:
            self._nodes[node.previous].next = node.next
        if node.next is None:
            self._last = node.previous
        else:
            self._nodes[node.next].previous = node.previous

    def insert(self, entry: Entry, after: str | None = None) -> str | None:
        """Adds at the end, after the item `after`, or at the beginning for "root".

        Returns the id of the item before it, None when it is first. Raises Refused for a duplicate id and an
        unknown place; the conversation is then unchanged.
        """
        item_id = entry.item.id
        if item_id in self._nodes:
            raise errors.duplicate_item(item_id)
        if after is None:
            previous = self._last
        elif after == ROOT:
            previous = None
        elif after in self._nodes:
            previous = after
        else:
            raise errors.unknown_item("create", after, "previous_item_id")
        following = self._nodes[previous].next if previous is not None else self._first
        self._nodes[item_id] = _Node(entry, previous, following)
        if previous is None:
            self._first = item_id
        else:
            self._nodes[previous].next = item_id
        if following is None:
            self._last = item_id
        else:
            self._nodes[following].previous = item_id
        return previous
