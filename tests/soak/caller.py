"""Clients that talk, cancel, interrupt and leave at random, and write down what they are told."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import aiohttp
import pybase64
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from antiphon.providers.base.llm import LlmRequest
from antiphon.providers.scripted.llm import Step, say
from tests.platform_fixture import Platform
from tests.soak.told import Ending, Session

MODEL = "azure/gpt-6-sol"
PATIENCE = 20.0  # seconds for anything that is asked for
_MOST_WORDS = 30
_RETURN_SECONDS = 1.0  # the longest that a client which lost its connection stays away
_PIECE = pybase64.b64encode_as_string(bytes(48 * 200))  # 200 ms


def answer(request: LlmRequest) -> list[Step]:
    """Of the model behind the platform: as many words as the last message asks for."""
    asked = re.findall(r"\d+", request.messages[-1].text if request.messages else "")
    return say("word " * int(asked[-1] if asked else 3), first=0.05, pace=0.02)


class Caller:
    """Has one session after the other until `over`. `notes` counts what came to pass in all of them."""

    def __init__(
        self,
        platform: Platform,
        http: aiohttp.ClientSession,
        random: Random,
        over: Callable[[], bool],
        notes: Counter[str],
    ) -> None:
        self.sessions: list[Session] = []
        self._platform = platform
        self._http = http
        self._random = random
        self._over = over
        self._notes = notes

    async def live(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 1))
        while not self._over():
            try:
                await self._converse()
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError, EOFError) as error:
                self._notes[f"not connected: {type(error).__name__}"] += 1
                await asyncio.sleep(self._random.uniform(0.2, 1.0))

    async def _converse(self) -> None:
        """Raises what `connect` does."""
        connection = await dial(self._platform, f"?model={MODEL}")
        try:
            first = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
            if first["type"] != "session.created":
                self._notes[f"refused: {first['error']['code'] or first['error']['type']}"] += 1
                await asyncio.sleep(self._random.uniform(0.2, 1.0))
                return
            response = connection.response
            call_id = response.headers["x-call-id"] if response is not None else ""
            session = Session(first["session"]["id"], connection.local_address[1])
            self.sessions.append(session)
            call = Call(connection, call_id, session, self._platform, self._http, self._random, self._notes)
            call.hear(first)
            await call.hold(self._over)
        finally:
            connection.transport.abort()


async def dial(platform: Platform, query: str) -> ClientConnection:
    """Raises OSError, TimeoutError, InvalidHandshake and EOFError."""
    return await connect(
        platform.socket(query),
        additional_headers=platform.headers,
        compression=None,
        max_size=None,
        open_timeout=PATIENCE,
        ping_interval=None,
        proxy=None,
    )


class GoneForGood(Exception):
    """A session that can't be resumed."""


class Call:
    """One session, from its greeting to its end."""

    def __init__(
        self,
        connection: ClientConnection,
        call_id: str,
        session: Session,
        platform: Platform,
        http: aiohttp.ClientSession,
        random: Random,
        notes: Counter[str],
    ) -> None:
        self._connection = connection
        self._call_id = call_id
        self._session = session
        self._platform = platform
        self._http = http
        self._random = random
        self._notes = notes
        self._responses: set[str] = set()  # that run
        self._asked = 0
        self._answered = 0
        self._news = asyncio.Event()
        self._token = ""
        self._last_event = ""
        self._is_configured = False
        self._listening = asyncio.ensure_future(self._listen())

    async def hold(self, over: Callable[[], bool]) -> None:
        ending: Ending = "lost"
        try:
            await self._configure()
            for _ in range(self._random.randint(1, 8)):
                if over():
                    break
                await self._random.choice(
                    [self._ask, self._ask, self._ask, self._speak, self._ask_aside, self._come_back]
                )()
            ending = await self._end()
        except ConnectionClosed:
            pass
        except (GoneForGood, TimeoutError):
            ending = "broken off"
        finally:
            if ending in ("left", "broken off"):
                self._connection.transport.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._listening, PATIENCE)
            self._connection.transport.abort()
            self._session.ending = ending
            self._session.close_code = self._connection.close_code
            self._session.ended_at = time.monotonic()
            self._notes[f"session {ending}"] += 1
            if ending == "lost" and self._connection.close_code not in (None, 1006):
                self._notes[f"ended by the platform with {self._connection.close_code}"] += 1

    async def _configure(self) -> None:
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": [self._random.choice(["text", "text", "audio"])],
            "audio": {"input": {"turn_detection": None, "transcription": {"model": "stt/heard"}}},
            "providerData": {"antiphon": {"events": ["usage"]}},
        }
        await self._send("session.update", session=session)
        async with asyncio.timeout(PATIENCE):
            await self._wait_until(
                lambda: self._is_configured
            )  # what is used before that, nobody wants to hear of

    async def _ask(self, **response: Any) -> None:
        """And waits for the answer, cancels it, or lets it go on."""
        words = self._random.randint(1, _MOST_WORDS)
        content = [{"type": "input_text", "text": f"Say {words} words."}]
        item = {"type": "message", "role": "user", "content": content}
        await self._send("conversation.item.create", item=item)
        self._asked += 1
        await self._send("response.create", **({"response": response} if response else {}))
        match self._random.choice(["wait", "wait", "wait", "cancel", "interrupt"]):
            case "wait":
                await self._quiet()
            case "cancel":
                await asyncio.sleep(self._random.uniform(0, 0.6))
                await self._send("response.cancel")
                await self._quiet()
            case "interrupt":
                await asyncio.sleep(self._random.uniform(0, 0.6))
                await self._send("response.cancel")

    async def _ask_aside(self) -> None:
        await self._ask(conversation="none", output_modalities=["text"])

    async def _speak(self) -> None:
        for _ in range(self._random.randint(1, 4)):
            await self._send("input_audio_buffer.append", audio=_PIECE)
        await self._send("input_audio_buffer.commit")

    async def _come_back(self) -> None:
        """Loses the connection, and resumes the session over another, wherever that leads. Raises GoneForGood."""
        self._connection.transport.abort()
        await self._listening
        await asyncio.sleep(self._random.uniform(0, _RETURN_SECONDS))
        try:
            connection = await dial(self._platform, f"?resume={self._token}&last_event_id={self._last_event}")
            self._connection = connection
            first = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError, EOFError) as error:
            self._notes[f"not resumed: {type(error).__name__}"] += 1
            raise GoneForGood from None
        if first["type"] != "session.created":
            self._notes[f"not resumed: {first['error']['code'] or first['error']['type']}"] += 1
            raise GoneForGood
        self._asked = self._answered = 0  # what was sent last may be lost
        self._session.was_resumed = True
        self._notes["resumed"] += 1
        self.hear(first)
        self._listening = asyncio.ensure_future(self._listen())

    async def _end(self) -> Ending:
        match self._random.choice(["hang up", "hang up", "leave", "break off"]):
            case "hang up":
                url = f"{self._platform.base_url}/realtime/calls/{self._call_id}/hangup"
                is_refused = False
                try:
                    async with self._http.post(url, headers=self._platform.headers) as told:
                        is_refused = told.status != 200
                    if is_refused:
                        self._notes[f"not hung up: {told.status}"] += 1
                    else:
                        await asyncio.wait_for(asyncio.shield(self._listening), PATIENCE)
                except (aiohttp.ClientError, TimeoutError) as error:
                    # Who passed it on was killed, perhaps after it had: the session's own process closes with 1000.
                    self._notes[f"no answer to a hang-up: {type(error).__name__}"] += 1
                if not is_refused and self._connection.close_code == 1000:
                    return "hung up"
                return "lost" if self._listening.done() else "broken off"
            case "leave":
                await self._connection.close()
                return "left"
        return "broken off"

    async def _quiet(self) -> None:
        """Until every answer asked for is done, or was refused."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._wait_until(lambda: not self._responses and self._answered >= self._asked)
        except TimeoutError:
            self._notes["no answer in time"] += 1

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Or until the connection is gone, which the next thing that is sent notices."""
        while not condition() and not self._listening.done():
            self._news.clear()
            await self._news.wait()

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._connection.send(json.dumps({"type": kind, **fields}))

    async def _listen(self) -> None:
        try:
            async for frame in self._connection:
                self.hear(json.loads(frame))
        except ConnectionClosed:
            pass
        finally:
            self._news.set()

    def hear(self, event: dict[str, Any]) -> None:
        self._session.hear(event)
        self._last_event = event["event_id"]
        match event["type"]:
            case "session.created":
                self._token = event["session"]["resume_token"]
            case "session.updated":
                self._is_configured = True
            case "response.created":
                self._responses.add(event["response"]["id"])
                self._answered += 1
            case "response.done":
                self._responses.discard(event["response"]["id"])
                if event["response"]["status"] == "failed":
                    details = event["response"]["status_details"]
                    self._notes[f"answer failed: {details.get('error', {}).get('code')}"] += 1
            case "error":
                code = event["error"]["code"]
                if code == "conversation_already_has_active_response":
                    self._answered += 1
                elif code != "response_cancel_not_active":
                    self._notes[f"error: {code}"] += 1
        self._news.set()
