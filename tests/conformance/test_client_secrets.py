"""What a browser app does: its server mints a client secret, the page connects with it."""

import aiohttp
import openai
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from tests.platform_fixture import Platform


@pytest.fixture
def server(platform: Platform) -> openai.OpenAI:
    return openai.OpenAI(base_url=platform.base_url, api_key=platform.api_key)


async def answer(connection: AsyncRealtimeConnection) -> str:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    )
    await connection.response.create()
    text = ""
    async for event in connection:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.done":
            assert event.response.status == "completed"
            break
    return text


async def test_it_works_with_the_official_client(platform: Platform, server: openai.OpenAI) -> None:
    made = server.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={
            "type": "realtime",
            "model": "local/dialogue",  # type: ignore[typeddict-item]
            "instructions": "Be brief.",
            "output_modalities": ["text"],
        },
    )
    assert made.value.startswith("ek_")
    assert made.session.type == "realtime"
    page = openai.AsyncOpenAI(base_url=platform.base_url, api_key=made.value)
    for _ in range(2):
        async with page.realtime.connect(model="gpt-realtime") as connection:
            created = await connection.recv()
            assert created.type == "session.created"
            assert created.session.type == "realtime"
            assert created.session.model == "local/dialogue"
            assert created.session.instructions == "Be brief."
            assert await answer(connection)


async def test_a_browser_gives_it_as_a_subprotocol_and_needs_no_model(
    platform: Platform, server: openai.OpenAI
) -> None:
    secret = server.realtime.client_secrets.create().value
    offered = ["realtime", f"openai-insecure-api-key.{secret}"]
    async with connect(platform.socket(query=""), subprotocols=offered) as connection:  # type: ignore[arg-type]
        assert '"session.created"' in str(await connection.recv())


async def test_a_wrong_one_is_told_in_band_and_is_final(platform: Platform) -> None:
    page = openai.AsyncOpenAI(base_url=platform.base_url, api_key="ek_wrong")
    async with page.realtime.connect(model="gpt-realtime") as connection:
        event = await connection.recv()
        assert event.type == "error"
        assert event.error.code == "invalid_api_key"
        with pytest.raises(ConnectionClosedError) as closed:
            await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 3000


def test_a_bad_session_is_refused_as_the_official_client_tells_it(server: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        server.realtime.client_secrets.create(session={"type": "realtime", "audio": {"output": {"speed": 9}}})
    assert refused.value.param == "session.audio.output.speed"
    assert refused.value.request_id


def test_a_model_is_found_by_its_id_with_a_slash(server: openai.OpenAI) -> None:
    assert server.models.retrieve("local/dialogue").id == "local/dialogue"
    with pytest.raises(openai.NotFoundError) as missing:
        server.models.retrieve("nobody/nothing")
    assert missing.value.code == "model_not_found"


async def test_a_body_that_is_too_large_is_refused_by_the_server_itself(platform: Platform) -> None:
    async with (
        aiohttp.ClientSession(headers=platform.headers) as client,
        client.post(f"{platform.base_url}/realtime/client_secrets", data=b" " * (3 << 20)) as response,
    ):
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "request_too_large"
        assert response.headers["x-request-id"]
