"""The door: paths, keys, subprotocols, refusals in band, and what happens to frames that are no events."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.platform_fixture import Platform

MODEL = "?model=local/dialogue"


async def event(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(30):
        received: dict[str, Any] = json.loads(await connection.recv())
        return received


@pytest.mark.parametrize("path", ["/v1/realtime", "/realtime", "/v1/realtime/"])
async def test_it_works_with_and_without_the_version_in_the_path(platform: Platform, path: str) -> None:
    async with connect(platform.socket(path=path), additional_headers=platform.headers) as connection:
        assert (await event(connection))["type"] == "session.created"


async def test_the_key_may_come_in_azures_header(platform: Platform) -> None:
    headers = {"api-key": platform.api_key}
    async with connect(platform.socket(), additional_headers=headers) as connection:
        assert (await event(connection))["type"] == "session.created"


async def test_a_browser_gives_its_key_as_a_subprotocol_and_gets_realtime_back(platform: Platform) -> None:
    offered: Any = ["realtime", f"openai-insecure-api-key.{platform.api_key}"]
    async with connect(platform.socket(), subprotocols=offered) as connection:
        assert connection.subprotocol == "realtime"
        assert (await event(connection))["type"] == "session.created"


@pytest.mark.parametrize(
    ("headers", "query", "code", "close"),
    [
        ({}, MODEL, "invalid_api_key", 3000),
        ({"Authorization": "Bearer sk_wrong"}, MODEL, "invalid_api_key", 3000),
        ({"Authorization": "Basic abc"}, MODEL, "invalid_api_key", 3000),
        (None, "", "missing_model", 4000),
        (None, "?model=", "missing_model", 4000),
        (None, "?model=no/such", "invalid_model", 4000),
        (None, "?model=nonsense", "invalid_model", 4000),
    ],
)
async def test_a_refusal_is_one_error_and_a_close_code(
    platform: Platform, headers: dict[str, str] | None, query: str, code: str, close: int
) -> None:
    sent = platform.headers if headers is None else headers
    async with connect(platform.socket(query), additional_headers=sent) as connection:
        error = await event(connection)
        assert (error["type"], error["error"]["code"]) == ("error", code)
        assert error["event_id"]
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        assert (connection.close_code, connection.close_reason) == (close, f"invalid_request_error.{code}")


async def test_another_path_is_no_websocket(platform: Platform) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(platform.socket(path="/v1/other"), additional_headers=platform.headers)
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "invalid_json"),
        (b"\x00\x01", "invalid_event"),
        ("{}", "invalid_event"),
        ('{"type":"no.such.event","event_id":"mine"}', "invalid_value"),
        ('{"type":"input_audio_buffer.append","audio":"?","event_id":"mine"}', "invalid_value"),
        ('{"type":"input_audio_buffer.append","audio":7,"event_id":"mine"}', "invalid_type"),
        ('{"type":"input_audio_buffer.commit","event_id":"mine"}', "input_audio_buffer_commit_empty"),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_session_goes_on(
    platform: Platform, frame: str | bytes, code: str
) -> None:
    async with connect(platform.socket(), additional_headers=platform.headers) as connection:
        await event(connection)
        await connection.send(frame)
        error = (await event(connection))["error"]
        assert error["code"] == code
        if "mine" in str(frame):
            assert error["event_id"] == "mine"
        await connection.send('{"type":"input_audio_buffer.clear"}')
        assert (await event(connection))["type"] == "input_audio_buffer.cleared"


async def test_a_frame_beyond_every_limit_closes_with_1009(platform: Platform) -> None:
    async with connect(platform.socket(), additional_headers=platform.headers) as connection:
        await event(connection)
        with contextlib.suppress(ConnectionClosed):
            await connection.send("x" * (25 << 20))
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1009


async def test_fifteen_mebibytes_of_audio_fit_into_one_append(platform: Platform) -> None:
    async with connect(platform.socket(), additional_headers=platform.headers) as connection:
        await event(connection)
        update = {"type": "session.update", "session": {"audio": {"input": {"turn_detection": None}}}}
        await connection.send(json.dumps(update))
        await connection.send('{"type":"input_audio_buffer.append","audio":"' + "A" * (20 << 20) + '"}')
        await connection.send('{"type":"input_audio_buffer.clear"}')
        assert (await event(connection))["type"] == "session.updated"
        assert (await event(connection))["type"] == "input_audio_buffer.cleared"


async def test_health_and_readiness(platform: Platform) -> None:
    root = platform.base_url.removesuffix("/v1")
    async with aiohttp.ClientSession() as client:
        for path in ("/healthz", "/readyz"):
            async with client.get(root + path) as response:
                assert (response.status, await response.json()) == (200, {"status": "ok"})
