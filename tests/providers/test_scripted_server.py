import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp

import antiphon.providers

ROOT = Path(antiphon.providers.__path__[0]).parents[1]


async def test_it_works_in_a_process_of_its_own():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon.providers.scripted.server", "--answer", "Hello there."),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    base_url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session:
        body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
        async with session.post(f"{base_url}/chat/completions", json=body) as response:
            answer = await response.text()
        async with session.get(f"{base_url}/models") as response:
            models = await response.json()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert answer.count("data: ") == 5
    assert answer.endswith("data: [DONE]\n\n")
    assert models["data"][0]["id"] == "scripted/llm"


async def test_what_was_asked_is_remembered(server):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.base_url}/audio/speech", json={"input": "Hi", "voice": "x"}) as response,
    ):
        pcm = await response.read()
    assert server.tts.text_of(pcm) == "Hi"
    request = server.requests[0]
    assert (request.path, request.body["voice"], request.state) == ("/v1/audio/speech", "x", "finished")
