"""A browser with somebody speaking into its microphone."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect


class Page:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._commands = 0

    async def evaluate(self, expression: str) -> Any:
        """JavaScript, as if the user had caused it."""
        self._commands += 1
        params = {"expression": expression, "userGesture": True}
        command = {"id": self._commands, "method": "Runtime.evaluate", "params": params}
        await self._connection.send(json.dumps(command))
        async for frame in self._connection:
            answer = json.loads(frame)
            if answer.get("id") == self._commands:
                # A page that is just being left has no answer.
                return answer["result"]["result"].get("value") if "result" in answer else None
        raise ConnectionError("The browser has gone.")

    async def wait_for(self, expression: str) -> Any:
        """Until it is true."""
        while not (value := await self.evaluate(expression)):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return value


@asynccontextmanager
async def browser(executable: str, url: str, speech: Path) -> AsyncIterator[Page]:
    """Shows `url`; its microphone hears the WAV file once it is turned on, then silence."""
    with tempfile.TemporaryDirectory() as profile:
        process = await asyncio.create_subprocess_exec(
            executable,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--mute-audio",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={speech}%noloop",
            "about:blank",
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with connect(await _address(Path(profile)), max_size=None) as connection:
                page = Page(connection)
                await page.evaluate(f"location = {url!r}")
                await page.wait_for(f"location.href === {url!r} && document.readyState === 'complete'")
                yield page
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            await process.wait()


async def _address(profile: Path) -> str:
    """Of the page that is open."""
    noted = profile / "DevToolsActivePort"
    while not (noted.is_file() and noted.read_text().count("\n")):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    port = noted.read_text().splitlines()[0]
    async with aiohttp.ClientSession() as client:
        while True:
            async with client.get(f"http://127.0.0.1:{port}/json") as response:
                for target in await response.json():
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
