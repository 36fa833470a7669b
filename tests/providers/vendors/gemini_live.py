"""A server on loopback that speaks the Live API: one setup, activities that the client marks, nothing forgotten.

Every client message is held against the types of the `google-genai` package.
"""

import asyncio
import json
import re
from typing import Any

import pybase64
import pydantic
from aiohttp import WSMsgType, web
from google.genai import types

from tests.providers.contract_realtime import KEY, Asked, Break, Call, Move, Speak, Write

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
USAGE = {
    "promptTokenCount": 100,
    "responseTokenCount": 50,
    "cachedContentTokenCount": 30,
    "promptTokensDetails": [
        {"modality": "AUDIO", "tokenCount": 60},
        {"modality": "TEXT", "tokenCount": 40},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
}
_CHUNK_MS = 100
_NOTES = (
    (re.compile(r"user: \(System: (.*)\)"), r"system: \1"),
    (re.compile(r"assistant: \(I called (\S+) with (.*)\)"), r"call \1 \2"),
    (re.compile(r"user: \(.+ returned: (.*)\)"), r"result \1"),
)


class GeminiVendor:
    def __init__(self) -> None:
        self.base_url = ""
        self.answers: list[Any] = [[Speak("Hi.")]]
        self.asked: list[Asked] = []
        self.statuses: list[int] = []
        self.cancelled = asyncio.Event()
        self.sockets: list[Socket] = []
        self.headers: list[dict[str, str]] = []
        self.messages: list[dict[str, Any]] = []  # that came, of all sockets
        self.problems: list[str] = []
        self.usage: dict[str, Any] | None = USAGE
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "GeminiVendor":
        app = web.Application()
        app.router.add_get(PATH, self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.base_url = f"http://{host}:{port}/v1beta"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        assert not self.problems, self.problems[0]

    async def hang_up(self) -> None:
        for socket in self.sockets:
            await socket.ws.close()

    async def _serve(self, incoming: web.Request) -> web.StreamResponse:
        self.headers.append(dict(incoming.headers))
        if self.statuses:
            return web.json_response({"error": {"message": f"no: {KEY}"}}, status=self.statuses.pop(0))
        socket = Socket(self)
        await socket.ws.prepare(incoming)
        self.sockets.append(socket)
        try:
            await socket.serve()
        except AssertionError as problem:
            self.problems.append(str(problem))
        finally:
            await socket.aclose()
        return socket.ws


class Socket:
    """`known` is all that its model knows, `pcm` what it heard of the activity under way."""

    def __init__(self, vendor: GeminiVendor) -> None:
        self.vendor = vendor
        self.ws = web.WebSocketResponse(max_msg_size=1 << 25)
        self.setup: dict[str, Any] = {}
        self.known: list[str] = []
        self.pcm = b""
        self._active = False
        self._told_history = False
        self._awaited: dict[str, str] = {}  # calls whose results are missing
        self._answering: asyncio.Task[None] | None = None
        self._said_all = False

    @property
    def heard_ms(self) -> float:
        return len(self.pcm) / 32

    async def serve(self) -> None:
        async for message in self.ws:
            if message.type is not WSMsgType.TEXT:
                break
            said = json.loads(message.data)
            _check(said)
            self.vendor.messages.append(said)
            [(kind, value)] = said.items()
            await getattr(self, "on_" + kind)(value)

    async def aclose(self) -> None:
        if self._answering is not None:
            if not self._said_all:
                self.vendor.cancelled.set()
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)

    async def send(self, message: dict[str, Any]) -> None:
        if not self.ws.closed:
            await self.ws.send_str(json.dumps(message))

    # Client messages

    async def on_setup(self, setup: dict[str, Any]) -> None:
        assert not self.setup, "a second setup closes the connection"
        assert setup["realtimeInputConfig"]["automaticActivityDetection"] == {"disabled": True}
        self.setup = setup
        await self.send({"setupComplete": {}})

    @property
    def _expects_history(self) -> bool:
        wanted = self.setup.get("historyConfig", {}).get("initialHistoryInClientContent", False)
        return bool(wanted) and not self._told_history

    async def on_clientContent(self, content: dict[str, Any]) -> None:
        assert self._expects_history, "content is for the history at the beginning only"
        for turn in content["turns"]:
            role = "assistant" if turn["role"] == "model" else "user"
            for part in turn["parts"]:
                if data := part.get("inlineData"):
                    self._hear(pybase64.b64decode(data["data"]))
                else:
                    self._learn(f"{role}: {part['text']}")
        self._told_history = content["turnComplete"]

    async def on_realtimeInput(self, given: dict[str, Any]) -> None:
        assert not self._expects_history, "the history comes first"
        if "activityStart" in given:
            assert not self._active
            self._active = True
            if self._answering is not None and not self._answering.done():
                self._answering.cancel()
                await self.send({"serverContent": {"interrupted": True}})
                await self.send({"serverContent": {"turnComplete": True}})
            return
        assert self._active, "what the user does is between the marks of an activity"
        if audio := given.get("audio"):
            assert audio["mimeType"] == "audio/pcm;rate=16000"
            self.pcm += pybase64.b64decode(audio["data"])
        elif video := given.get("video"):
            self._learn(f"user: [{video['mimeType']}]")
        elif "text" in given:
            self._learn(f"user: {given['text']}")
        elif "activityEnd" in given:
            assert not self._awaited, "the model waits for the results of its calls"
            self._active = False
            if self.pcm:
                self._hear(self.pcm)
                self.pcm = b""
            self._begin()

    async def on_toolResponse(self, given: dict[str, Any]) -> None:
        for response in given["functionResponses"]:
            assert self._awaited.pop(response["id"]) == response["name"]
            self._learn(f"result {response['response']['output']}")
        if not self._awaited:
            self._begin()

    def _hear(self, pcm: bytes) -> None:
        self.known.append(f"user: <{round(len(pcm) / 320) * 10} ms>")

    def _learn(self, line: str) -> None:
        for note, meaning in _NOTES:
            line = note.sub(meaning, line)
        self.known.append(line)

    # Answers

    def _begin(self) -> None:
        instructions = self.setup.get("systemInstruction", {"parts": [{"text": ""}]})
        speech = self.setup["generationConfig"].get("speechConfig", {})
        voice = speech.get("voiceConfig", {}).get("prebuiltVoiceConfig", {}).get("voiceName", "")
        tools = [tool for given in self.setup.get("tools", ()) for tool in given["functionDeclarations"]]
        self.vendor.asked.append(
            Asked(
                list(self.known),
                instructions["parts"][0]["text"],
                voice,
                [tool["name"] for tool in tools],
                self.vendor.sockets.index(self),
                raw=self.setup,
            )
        )
        answers = self.vendor.answers
        moves = answers.pop(0) if len(answers) > 1 else answers[0]
        self._said_all = False
        self._answering = asyncio.create_task(self._answer(moves))

    async def _answer(self, moves: list[Move]) -> None:
        for move in moves:
            match move:
                case Speak():
                    await self._speak(move)
                case Write(text):
                    self.known.append(f"assistant: {text}")
                    await self._turn({"text": text})
                case Call():
                    self._awaited[move.call_id] = move.name
                    self.known.append(f"call {move.name} {move.arguments}")
                    call = {"id": move.call_id, "name": move.name, "args": json.loads(move.arguments)}
                    self._said_all = True
                    await self.send({"toolCall": {"functionCalls": [call]}})
                    return
                case Break("stall"):
                    await asyncio.Event().wait()
                case Break("close"):
                    await self.ws.close()
                    return
                case Break("fail"):
                    await self.ws.close(code=1011, message=f"oops {KEY}".encode())
                    return
                case Break("garbage"):
                    await self.ws.send_str("{no json")
                    return
                case Break():
                    assert self.ws._req is not None
                    assert self.ws._req.transport is not None
                    self.ws._req.transport.abort()
                    return
        self._said_all = True
        await self.send({"serverContent": {"generationComplete": True}})
        usage = {"usageMetadata": self.vendor.usage} if self.vendor.usage else {}
        await self.send({"serverContent": {"turnComplete": True}} | usage)

    async def _speak(self, move: Speak) -> None:
        self.known.append(f"assistant: {move.text}")
        await self.send({"serverContent": {"outputTranscription": {"text": move.text}}})
        for start in range(0, move.ms, _CHUNK_MS):
            pcm = bytes(min(_CHUNK_MS, move.ms - start) * 48)
            data = pybase64.b64encode_as_string(pcm)
            await self._turn({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}})
            await asyncio.sleep(0)

    async def _turn(self, part: dict[str, Any]) -> None:
        await self.send({"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}})


def _check(said: dict[str, Any]) -> None:
    try:
        if setup := said.get("setup"):  # whose type lacks a field that the package itself sends
            rest = {name: value for name, value in setup.items() if name != "realtimeInputConfig"}
            types.RealtimeInputConfig.model_validate(setup["realtimeInputConfig"])
            said = {"setup": rest}
        types.LiveClientMessage.model_validate(said)
    except pydantic.ValidationError as error:
        raise AssertionError(f"The google-genai package refuses this: {said}\n{error}") from None
