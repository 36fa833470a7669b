"""A server on loopback that speaks OpenAI's Realtime protocol, keeps a conversation, and refuses what OpenAI would.

Every client event is held against the types of the `openai` package.
"""

import asyncio
import contextlib
import json
from itertools import count
from typing import Any

import pybase64
import pydantic
from aiohttp import WSMsgType, web
from openai.types.realtime import RealtimeClientEvent, ResponseCreateEventWithReferencesParam
from pydantic import TypeAdapter

from tests.openai_types import unknown_fields
from tests.providers.contract_realtime import KEY, Asked, Break, Call, Move, Speak, Write

_client_event: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
_with_references: TypeAdapter[Any] = TypeAdapter(ResponseCreateEventWithReferencesParam)
_CHUNK_MS = 100
USAGE = {
    "total_tokens": 150,
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {
        "text_tokens": 40,
        "audio_tokens": 60,
        "image_tokens": 0,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
}


class OpenAiVendor:
    """`xai`: with what xAI does otherwise. `expires_at`: when sessions expire, in Unix seconds, if they say so."""

    def __init__(self, *, xai: bool = False) -> None:
        self.xai = xai
        self.expires_at: int | None = None
        self.sound = True  # whether what is heard must be what `spoken` says
        self.announces = True  # calls, before they come
        self.greeting: dict[str, Any] | None = None  # an error
        self.ending: dict[str, Any] = {"status": "completed"}  # of answers that nothing ends before
        self.base_url = ""
        self.answers: list[Any] = [[Speak("Hi.")]]
        self.asked: list[Asked] = []
        self.statuses: list[int] = []
        self.cancelled = asyncio.Event()
        self.sockets: list[Socket] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.events: list[dict[str, Any]] = []  # that came, of all sockets
        self.problems: list[str] = []
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "OpenAiVendor":
        app = web.Application()
        app.router.add_get("/v1/realtime", self._serve)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        assert not self.problems, self.problems[0]

    async def hang_up(self) -> None:
        for socket in self.sockets:
            await socket.ws.close()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def _serve(self, incoming: web.Request) -> web.StreamResponse:
        self.headers.append(dict(incoming.headers))
        self.queries.append(dict(incoming.query))
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
    def __init__(self, vendor: OpenAiVendor) -> None:
        self.vendor = vendor
        self.ws = web.WebSocketResponse(max_msg_size=1 << 25)
        self.items: dict[str, dict[str, Any]] = {}
        self.audio: dict[str, float] = {}  # of our own speech, by item, in ms
        self.order: list[str] = []
        self.session: dict[str, Any] = {"instructions": "default", "audio": {"output": {}}, "tools": []}
        self.buffer = b""
        self.deaf = False
        self._numbers = count(1)
        self._answering: dict[str, asyncio.Task[None]] = {}

    @property
    def heard_ms(self) -> float:
        return len(self.buffer) / 48

    async def serve(self) -> None:
        if self.vendor.xai:
            await self.send("conversation.created", conversation={"id": "conv_1"})
            await self.send("ping")
        session = {"id": "sess_1", "expires_at": self.vendor.expires_at}
        await self.send("session.created", session=session)
        if self.vendor.greeting is not None:
            await self.send("error", error=self.vendor.greeting)
            await self.ws.close(code=3000)
        async for message in self.ws:
            if message.type is not WSMsgType.TEXT:
                break
            event = json.loads(message.data)
            _check(event)
            self.vendor.events.append(event)
            await getattr(self, "on_" + event["type"].replace(".", "_"))(event)

    async def aclose(self) -> None:
        for task in self._answering.values():
            task.cancel()
        await asyncio.gather(*self._answering.values(), return_exceptions=True)
        if self._answering:
            self.vendor.cancelled.set()

    async def send(self, kind: str, **fields: Any) -> None:
        with contextlib.suppress(ConnectionError):
            await self.ws.send_str(
                json.dumps({"type": kind, "event_id": f"event_{next(self._numbers)}", **fields})
            )

    async def refuse(self, event: dict[str, Any], code: str, message: str = "no") -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message}
        if not self.vendor.xai:
            error["event_id"] = event.get("event_id", "")
        await self.send("error", error=error)

    # Client events

    async def on_session_update(self, event: dict[str, Any]) -> None:
        assert event["session"]["audio"]["input"]["turn_detection"] is None, (
            "our own side decides about turns"
        )
        voice = self.session["audio"]["output"].get("voice")
        new = event["session"]["audio"].get("output", {}).get("voice")
        if self.audio.keys() & self.items.keys() and new != voice:
            await self.refuse(event, "cannot_update_voice")
            return
        self.session |= event["session"]
        self.session["audio"].setdefault("output", {})
        await self.send("session.updated", session=self.session)

    async def on_input_audio_buffer_append(self, event: dict[str, Any]) -> None:
        self.buffer += pybase64.b64decode(event["audio"])

    async def on_input_audio_buffer_clear(self, event: dict[str, Any]) -> None:
        self.buffer = b""
        await self.send("input_audio_buffer.cleared")

    async def on_input_audio_buffer_commit(self, event: dict[str, Any]) -> None:
        if self.heard_ms < 100:
            await self.refuse(event, "input_audio_buffer_commit_empty")
            return
        item_id = f"item_{next(self._numbers)}"
        self._add(
            item_id, {"type": "message", "role": "user", "content": [{"type": "heard", "pcm": self.buffer}]}
        )
        self.buffer = b""
        await self.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)

    async def on_conversation_item_create(self, event: dict[str, Any]) -> None:
        item, after = event["item"], event.get("previous_item_id")
        item_id = item.get("id") or f"item_{next(self._numbers)}"
        if item_id in self.items:
            await self.refuse(event, "item_create_duplicate_item_id")
        elif after not in (None, "root") and after not in self.items:
            await self.refuse(event, "item_create_invalid_item_id")
        elif item["type"] == "function_call_output" and not any(
            other.get("call_id") == item["call_id"] for other in self.items.values()
        ):
            await self.refuse(event, "invalid_tool_call_id")
        else:
            self._add(item_id, item, after)
            await self.send("conversation.item.added", item={"id": item_id, **item})

    async def on_conversation_item_delete(self, event: dict[str, Any]) -> None:
        if event["item_id"] not in self.items:
            await self.refuse(event, "item_delete_invalid_item_id")
            return
        self.items.pop(event["item_id"])
        self.order.remove(event["item_id"])
        await self.send("conversation.item.deleted", item_id=event["item_id"])

    async def on_conversation_item_truncate(self, event: dict[str, Any]) -> None:
        item_id, end = event["item_id"], event["audio_end_ms"]
        if item_id not in self.audio or end > self.audio[item_id]:
            await self.refuse(
                event, "invalid_value", f"Audio content is already shorter than {end}ms: truncated"
            )
            return
        whole = self.items[item_id]["text"]
        self.items[item_id]["text"] = whole[: round(len(whole) * end / self.audio[item_id])]
        self.audio[item_id] = end
        await self.send("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=end)

    async def on_response_create(self, event: dict[str, Any]) -> None:
        params = event.get("response") or {}
        beside = params.get("conversation") == "none"
        if not beside and "default" in self._answering:
            await self.refuse(event, "conversation_already_has_active_response")
            return
        known = [self.items[item_id] for item_id in self.order]
        if beside:
            known = [self.items[i["id"]] if i["type"] == "item_reference" else i for i in params["input"]]
        settings = self.session | params
        self.vendor.asked.append(
            Asked(
                [line for item in known for line in self._lines(item)],
                settings["instructions"],
                settings["audio"]["output"].get("voice", ""),
                [tool["name"] for tool in settings["tools"]],
                self.vendor.sockets.index(self),
                raw=event,
            )
        )
        answers = self.vendor.answers
        moves = answers.pop(0) if len(answers) > 1 else answers[0]
        response_id = f"resp_{next(self._numbers)}"
        key = response_id if beside else "default"
        self._answering[key] = asyncio.create_task(self._answer(key, response_id, moves, params))

    async def on_response_cancel(self, event: dict[str, Any]) -> None:
        task = self._answering.get("default") or self._answering.get(event.get("response_id", ""))
        if task is None:
            await self.refuse(
                event, "response_cancel_not_active", "Cancellation failed: no active response found"
            )
            return
        task.cancel()
        self.vendor.cancelled.set()

    # Answers

    async def _answer(self, key: str, response_id: str, moves: list[Move], params: dict[str, Any]) -> None:
        response: dict[str, Any] = {"id": response_id, "object": "realtime.response", "status": "in_progress"}
        if not self.vendor.xai:
            response["metadata"] = params.get("metadata")
        await self.send("response.created", response=response)
        status = dict(self.vendor.ending)
        try:
            for index, move in enumerate(moves):
                match move:
                    case Speak():
                        await self._speak(response_id, index, move, in_conversation=key == "default")
                    case Write(text):
                        item = {"type": "message", "role": "assistant", "text": text}
                        item_id = await self._item(response_id, index, item, in_conversation=key == "default")
                        where = {"response_id": response_id, "item_id": item_id}
                        await self.send("response.output_text.delta", delta=text, **where)
                    case Call():
                        await self._call(response_id, index, move)
                    case Break("stall"):
                        await asyncio.Event().wait()
                    case Break("fail"):
                        error = {"type": "server_error", "code": "server_error", "message": f"oops {KEY}"}
                        if index:
                            status = {
                                "status": "failed",
                                "status_details": {"type": "failed", "error": error},
                            }
                        else:
                            await self.send("error", error=error)
                            return
                    case Break(how):
                        await self._break(how)
                        return
        except asyncio.CancelledError:
            status = {"status": "cancelled", "status_details": {"type": "cancelled"}}
            late = pybase64.b64encode_as_string(bytes(4800))  # which was on its way
            where = {"response_id": response_id, "item_id": self.order[-1] if self.order else ""}
            await self.send("response.output_audio.delta", delta=late, **where)
        self._answering.pop(key, None)
        usage = {} if self.vendor.xai else USAGE
        await self.send("response.done", response=response | status | {"usage": usage})

    async def _break(self, how: str) -> None:
        if how == "close":
            await self.ws.close()
        elif how == "reset":
            assert self.ws._req is not None
            assert self.ws._req.transport is not None
            self.ws._req.transport.abort()
        else:
            await self.ws.send_str("{no json")

    async def _speak(self, response_id: str, index: int, move: Speak, *, in_conversation: bool) -> None:
        item = {"type": "message", "role": "assistant", "text": move.text}
        item_id = await self._item(response_id, index, item, in_conversation=in_conversation)
        where: dict[str, Any] = {"response_id": response_id, "item_id": item_id}
        if not self.vendor.xai:
            where |= {"output_index": index, "content_index": 0}
        self.audio[item_id] = move.ms
        await self.send("response.output_audio_transcript.delta", delta=move.text, **where)
        for start in range(0, move.ms, _CHUNK_MS):
            pcm = bytes(min(_CHUNK_MS, move.ms - start) * 48)
            delta = pybase64.b64encode_as_string(pcm)
            await self.send("response.output_audio.delta", delta=delta, **where)
            await asyncio.sleep(0)

    async def _call(self, response_id: str, index: int, move: Call) -> None:
        item = {"type": "function_call", "call_id": move.call_id, "name": move.name, "arguments": ""}
        if self.vendor.xai:
            item["role"] = "tool"
        item_id = await self._item(response_id, index, item, in_conversation=True)
        self.items[item_id]["arguments"] = move.arguments
        where = {"response_id": response_id, "item_id": item_id, "call_id": move.call_id}
        if not self.vendor.xai:
            for piece in (move.arguments[:3], move.arguments[3:]):
                await self.send("response.function_call_arguments.delta", delta=piece, **where)
        done = {"name": move.name, "arguments": move.arguments}
        await self.send("response.function_call_arguments.done", **where, **done)

    async def _item(
        self, response_id: str, index: int, item: dict[str, Any], *, in_conversation: bool
    ) -> str:
        item_id = f"item_{next(self._numbers)}"
        if in_conversation:
            self._add(item_id, dict(item))
        shown = {key: value for key, value in item.items() if key != "text"}
        if item["type"] == "function_call" and not self.vendor.announces:
            return item_id
        await self.send(
            "response.output_item.added",
            response_id=response_id,
            output_index=index,
            item={"id": item_id, **shown},
        )
        return item_id

    def _add(self, item_id: str, item: dict[str, Any], after: str | None = None) -> None:
        self.items[item_id] = item
        at = len(self.order) if after is None else 0 if after == "root" else self.order.index(after) + 1
        self.order.insert(at, item_id)

    def _lines(self, item: dict[str, Any]) -> list[str]:
        match item["type"]:
            case "function_call":
                return [f"call {item['name']} {item['arguments']}"]
            case "function_call_output":
                return [f"result {item['output']}"]
        if "text" in item:
            return [f"assistant: {item['text'].strip()}"]
        lines = []
        for part in item["content"]:
            match part["type"]:
                case "heard":
                    lines.append(f"user: <{self._checked(part['pcm'])} ms>")
                case "input_audio":
                    lines.append(f"user: <{self._checked(pybase64.b64decode(part['audio']))} ms>")
                case "input_image":
                    lines.append(f"user: [{part['image_url']}]")
                case _:
                    lines.append(f"{item['role']}: {part['text']}")
        return lines

    def _checked(self, pcm: bytes) -> int:
        """Its length in ms, if it is what `spoken` says, without a gap or a repetition."""
        samples = range(len(pcm) // 2)
        if not self.vendor.sound:
            return len(pcm) // 48
        assert pcm == b"".join((i & 0xFFFF).to_bytes(2, "little") for i in samples), (
            "audio is missing or came twice"
        )
        return len(pcm) // 48


def _check(event: dict[str, Any]) -> None:
    given = (event.get("response") or {}).get("input") or ()
    try:
        if any(item["type"] == "item_reference" for item in given):
            _with_references.validate_python(event)
            return
        unknown = list(unknown_fields(_client_event.validate_python(event)))
    except pydantic.ValidationError as error:
        raise AssertionError(f"The openai package refuses this event: {event}\n{error}") from None
    assert not unknown, f"The openai package does not know these fields: {unknown}\n{event}"
