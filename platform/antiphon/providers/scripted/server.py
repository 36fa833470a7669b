"""An OpenAI-compatible server on loopback, behind which scripted models answer.

For tests it runs in their event loop; for benchmarks in a process of its own, which prints its base URL:

    python -m antiphon.providers.scripted.server --port 8009 --first-token 0.2 --token-pace 0.02
"""

import argparse
import asyncio
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec
import uvloop
from aiohttp import web

from antiphon.providers.base.errors import ErrorKind, ProviderError
from antiphon.providers.base.llm import (
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.base.stt import FinalTranscript, SttConfig
from antiphon.providers.base.tts import Audio, TtsConfig
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.record import State
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts, Speech

Delta = TextDelta | ToolCallStarted | ToolCallDelta | Stop

REMEMBERED = 100  # requests; the audio of each is kept
MAX_BODY = 64 << 20

STATUS: Mapping[ErrorKind, int] = {
    "auth": 401,
    "rate_limit": 429,
    "quota": 402,
    "overloaded": 503,
    "invalid": 400,
    "context_length": 400,
    "not_found": 404,
    "timeout": 504,
    "upstream": 500,
}
FINISH_REASON = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer given byte for byte in place of the models', for what they can't say.

    `then` is what follows `chunks`, once `until` is set: the proper end, a reset of the connection, or
    nothing for ever.
    """

    chunks: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Literal["end", "reset", "stall"] = "end"
    until: asyncio.Event | None = None


@dataclass(slots=True)
class Received:
    """A request: its decoded JSON, or the fields of its form. `ended` is set when `state` is final.

    `cancelled` means that the client went away.
    """

    path: str
    headers: Mapping[str, str]
    peer: str  # of the connection; equal for requests that share one
    body: dict[str, Any] = field(default_factory=dict)
    state: State = "running"
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class StubServer:
    """`async with StubServer(llm=...) as server:` listens at `server.base_url`, keeps the last `requests`.

    `asked` is set when a request arrives; who waits for the next one clears it.
    """

    def __init__(
        self,
        *,
        llm: ScriptedLlm | None = None,
        stt: ScriptedStt | None = None,
        tts: ScriptedTts | None = None,
    ) -> None:
        self.llm = llm or ScriptedLlm(say("Hello, how can I help you?"))
        self.stt = stt or ScriptedStt(Heard("Good morning."))
        self.tts = tts or ScriptedTts()
        self.requests: deque[Received] = deque(maxlen=REMEMBERED)
        self.asked = asyncio.Event()
        self.base_url = ""
        self._canned: deque[Canned] = deque()
        self._runner: web.AppRunner | None = None

    def next_answer(self, canned: Canned) -> None:
        """Gives this answer to the next request that has none waiting for it."""
        self._canned.append(canned)

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/v1/models", self._received(self._models))
        app.router.add_post("/v1/chat/completions", self._received(self._chat))
        app.router.add_post("/v1/audio/transcriptions", self._received(self._transcribe))
        app.router.add_post("/v1/audio/speech", self._received(self._speak))
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, bound = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{bound}/v1"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def _received(
        self, answer: Callable[["Exchange"], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler that records the request and what became of it, and turns errors into answers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            peer = "{}:{}".format(*request.get_extra_info("peername"))
            received = Received(request.path, request.headers, peer)
            self.requests.append(received)
            self.asked.set()
            exchange = Exchange(request, received)
            try:
                received.body = await _body(request)
                if self._canned:
                    await exchange.give(self._canned.popleft())
                else:
                    await answer(exchange)
                received.state = "finished"
            except ProviderError as error:
                received.state = "failed"
                await exchange.fail(error)
            except (asyncio.CancelledError, ConnectionError):
                received.state = "cancelled"
                raise
            finally:
                received.ended.set()
            return exchange.response

        return handle

    async def _models(self, exchange: "Exchange") -> None:
        models = [{"id": m.name, "object": "model"} for m in (self.llm, self.stt, self.tts)]
        exchange.response = web.json_response({"object": "list", "data": models})

    async def _chat(self, exchange: "Exchange") -> None:
        calls: list[str] = []
        usage: LlmUsage | None = None
        exchange.response.content_type = "text/event-stream"
        async with aclosing(self.llm.stream(_llm_request(exchange.received.body))) as events:
            async for event in events:
                if isinstance(event, LlmUsage):
                    usage = event
                else:
                    await exchange.send(_sse({"choices": [_choice(event, calls)]}))
        if usage is not None:
            await exchange.send(_sse({"choices": [], "usage": _usage(usage)}))
        await exchange.send(b"data: [DONE]\n\n")

    async def _transcribe(self, exchange: "Exchange") -> None:
        body = exchange.received.body
        stream = self.stt.open(SttConfig(body.get("language"), body.get("prompt")))
        stream.finish()
        try:
            async for event in stream.events():
                if isinstance(event, FinalTranscript):
                    exchange.response.content_type = "application/json"
                    await exchange.send(msgspec.json.encode({"text": event.text}))
        finally:
            await stream.aclose()

    async def _speak(self, exchange: "Exchange") -> None:
        body = exchange.received.body
        stream = self.tts.open(TtsConfig(body["voice"], speed=body.get("speed", 1.0)))
        exchange.response.content_type = "audio/pcm"
        try:
            await stream.send(body["input"])
            stream.end()
            async for event in stream.events():
                if isinstance(event, Audio):
                    await exchange.send(event.pcm)
        finally:
            await stream.aclose()


class Exchange:
    """One request and its answer, which begins with the first byte sent."""

    def __init__(self, request: web.Request, received: Received) -> None:
        self.received = received
        self.response: web.StreamResponse = web.StreamResponse()
        self._request = request

    async def send(self, data: bytes) -> None:
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write(data)

    async def give(self, canned: Canned) -> None:
        self.response.set_status(canned.status)
        self.response.headers.update(canned.headers)
        await self.response.prepare(self._request)
        for chunk in canned.chunks:
            await self.response.write(chunk)
            await asyncio.sleep(0)  # so that each chunk leaves by itself
        if canned.until is not None:
            await canned.until.wait()
        if canned.then == "stall":
            await asyncio.Event().wait()
        elif canned.then == "reset":
            self.reset()

    async def fail(self, error: ProviderError) -> None:
        """A status before the answer began, an error event in it afterwards. A broken network resets."""
        body = {"error": {"message": error.message, "code": error.kind}}
        if error.kind == "context_length":
            body["error"]["code"] = "context_length_exceeded"
        if error.kind == "network":
            self.reset()
        elif self.response.prepared:
            await self.send(_sse(body))
        else:
            self.response.set_status(STATUS[error.kind])
            if error.retry_after is not None:
                self.response.headers["Retry-After"] = str(error.retry_after)
            self.response.content_type = "application/json"
            await self.send(msgspec.json.encode(body))

    def reset(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type == "multipart/form-data":
        form = await request.post()
        return {k: v.file.read() if isinstance(v, web.FileField) else v for k, v in form.items()}
    body: dict[str, Any] = msgspec.json.decode(await request.read() or b"{}")
    return body


def _llm_request(body: Mapping[str, Any]) -> LlmRequest:
    """What scripts may look at: instructions and texts."""
    messages = [
        Message(m["role"], _text(m["content"]), call_id=m.get("tool_call_id")) for m in body["messages"]
    ]
    return LlmRequest(
        instructions="\n".join(m.text for m in messages if m.role == "system"),
        messages=[m for m in messages if m.role != "system"],
    )


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _choice(event: Delta, calls: list[str]) -> dict[str, Any]:
    """`calls` are the ids of the tool calls so far, in the order of their index."""
    match event:
        case TextDelta(text):
            delta: dict[str, Any] = {"content": text}
        case ToolCallStarted(call_id, name):
            calls.append(call_id)
            function = {"name": name, "arguments": ""}
            delta = {"tool_calls": [{"index": len(calls) - 1, "id": call_id, "function": function}]}
        case Stop(reason):
            return {"index": 0, "delta": {}, "finish_reason": FINISH_REASON[reason]}
        case ToolCallDelta(call_id, arguments):
            function = {"arguments": arguments}
            delta = {"tool_calls": [{"index": calls.index(call_id), "function": function}]}
    return {"index": 0, "delta": delta, "finish_reason": None}


def _usage(usage: LlmUsage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _sse(body: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--answer", default="Hello, how can I help you?", help="what the model says")
    parser.add_argument("--first-token", type=float, default=0.0, help="seconds before the first token")
    parser.add_argument("--token-pace", type=float, default=0.0, help="seconds between two tokens")
    parser.add_argument("--transcript", default="Good morning.", help="what is recognised")
    parser.add_argument("--transcript-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--first-audio", type=float, default=0.0, help="seconds before the first audio")
    parser.add_argument("--audio-pace", type=float, default=0.0, help="seconds that a second of audio takes")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    answer = say(arguments.answer, first=arguments.first_token, pace=arguments.token_pace)
    server = StubServer(
        llm=ScriptedLlm(answer),
        stt=ScriptedStt(Heard(arguments.transcript, delay=arguments.transcript_delay)),
        tts=ScriptedTts(Speech(delay=arguments.first_audio, pace=arguments.audio_pace)),
    )
    stopped = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stopped.set)
    await server.start(arguments.port)
    sys.stdout.write(f"{server.base_url}\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.stop()


if __name__ == "__main__":
    uvloop.run(_serve(_arguments()))
