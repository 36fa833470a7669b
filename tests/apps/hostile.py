"""A vendor that fails in every way it can, and puts the key it was sent wherever something can be put."""

import asyncio
import base64
import hashlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

_KEY = re.compile(r"[\w-]*leakable-[0-9a-f]{32}")


@dataclass(frozen=True)
class Asked:
    """What a request says: its head as text, and the key in it."""

    head: str
    key: str

    @property
    def is_socket(self) -> bool:
        return "upgrade: websocket" in self.head.lower()

    @property
    def is_work(self) -> bool:
        """Whether a model is asked, rather than whether the key is right."""
        return self.is_socket or self.head.startswith("POST ")

    @property
    def accept(self) -> str:
        found = re.search(r"sec-websocket-key: (\S+)", self.head, re.I)
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
        return base64.b64encode(hashlib.sha1(f"{found[1] if found else ''}{guid}".encode()).digest()).decode()


def answer(status: str, key: str, body: str, content_type: str = "application/json") -> bytes:
    lines = [
        f"HTTP/1.1 {status} {key}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body.encode())}",
        f"WWW-Authenticate: Bearer {key}",
        f"Set-Cookie: key={key}",
        f"X-Request-Id: {key}",
        f"Retry-After: {key}",
        f"Location: https://elsewhere.example/?key={key}",
        "Connection: close",
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def error(status: str) -> Callable[[Asked], bytes]:
    def fail(asked: Asked) -> bytes:
        said = f"Incorrect API key: {asked.key}, or half of it: {asked.key[:-12]}. You sent {asked.head}"
        body = json.dumps({"error": {"message": said, "code": asked.key}})
        return answer(status, asked.key, body)

    return fail


def opened(asked: Asked, *frames: bytes) -> bytes:
    """A WebSocket that opens and sends this."""
    head = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {asked.accept}\r\nX-Key: {asked.key}\r\n\r\n"
    )
    return head.encode() + b"".join(frames)


def frame(opcode: int, payload: bytes) -> bytes:
    """RFC 6455, section 5.2; of at most 65,535 bytes."""
    size = bytes([len(payload)]) if len(payload) < 126 else bytes([126, *len(payload).to_bytes(2, "big")])
    return bytes([0x80 | opcode]) + size + payload


def stream_of(text: str) -> Callable[[Asked], bytes]:
    """A stream that begins well: of server-sent events, or of messages on a socket."""

    def tell(asked: Asked) -> bytes:
        said = text.replace("KEY", asked.key)
        if asked.is_socket:
            return opened(
                asked, frame(1, said.encode()), frame(8, (1011).to_bytes(2, "big") + asked.key.encode())
            )
        return answer("200 OK", asked.key, f"data: {said}\n\n", "text/event-stream")

    return tell


def wrong_handshake(asked: Asked) -> bytes:
    return opened(Asked("", asked.key))


def redirect(asked: Asked) -> bytes:
    return answer("302 Found", asked.key, asked.key)


def closes_with_a_reason(asked: Asked) -> bytes:
    reason = (4401).to_bytes(2, "big") + f"bad key {asked.key}".encode()
    return (
        opened(asked, frame(8, reason)) if asked.is_socket else answer("403 Forbidden", asked.key, asked.key)
    )


def echo(asked: Asked) -> bytes:
    return asked.head.encode()


def reset(asked: Asked) -> None:
    return None


FAULTS: Mapping[str, Callable[[Asked], bytes | None]] = {
    "400": error("400 Bad"),
    "401": error("401 Unauthorized"),
    "404": error("404 Not"),
    "429": error("429 Too Many"),
    "500": error("500 Internal"),
    "error-in-stream": stream_of(
        '{"type": "error", "error": {"message": "no: KEY", "code": "KEY"}, "message": "KEY"}'
    ),
    "error-as-text": stream_of('{"error": "no: KEY", "error_code": 401, "error_message": "no: KEY"}'),
    # What Deepgram, AssemblyAI, ElevenLabs and Inworld call the words of an error.
    "error-in-other-words": stream_of(
        '{"type": "Error", "message_type": "input_error", "code": "400", "error_code": 400, '
        '"error": {"code": 3, "message": "no: KEY"}, "description": "no: KEY", "message": "no: KEY"}'
    ),
    "half-an-answer": stream_of(
        '{"type": "ping", "id": "KEY", "model": "KEY", "choices": [{"delta": {"content": "Hello."}}]}\n\n'
        'data: {"type": "error", "error": {"message": "no: KEY"}}'
    ),
    "garbage": stream_of("KEY KEY {KEY"),
    "wrong-shape": stream_of('["KEY", {"KEY": "KEY"}]'),
    "wrong-handshake": wrong_handshake,
    "redirect": redirect,
    "reason": closes_with_a_reason,
    "echo": echo,
    "reset": reset,
}


@dataclass
class HostileVendor:
    """`at(fault)` is the base URL under which it fails so; `seen` are the keys with which its models were asked."""

    port: int
    seen: set[str]
    scheme: str

    def at(self, fault: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{fault}/v1"


@asynccontextmanager
async def hostile_vendor(tls: ssl.SSLContext | None = None) -> AsyncIterator[HostileVendor]:
    seen: set[str] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            found = _KEY.search(unquote(head))
            asked = Asked(head, found[0] if found else "")
            if asked.is_work:
                seen.add(asked.key)
            reply = FAULTS[path.split("/")[1]](asked)
            if reply is None:
                writer.transport.abort()
                return
            writer.write(reply)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield HostileVendor(server.sockets[0].getsockname()[1], seen, "https" if tls else "http")
