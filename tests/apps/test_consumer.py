"""The consumer when something of ours fails before a session begins."""

import json
from typing import Any

import pytest

from apps.conversations import consumers
from apps.conversations.consumers import RealtimeConsumer


async def test_a_database_that_is_down_is_told_in_band_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(handshake: object) -> None:
        raise ConnectionError("the database is gone")

    async def loaded() -> None:
        return None

    monkeypatch.setattr(consumers, "authorise", broken)
    monkeypatch.setattr(consumers.runtime, "inference", loaded)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/v1/realtime",
        "headers": [],
        "query_string": b"model=local/dialogue",
        "subprotocols": [],
    }
    await RealtimeConsumer()(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    error = json.loads(sent[1]["text"])["error"]
    assert error["type"] == "server_error"
    assert "database" not in error["message"]
    assert sent[2]["code"] == 1011
