"""Ways to stream an answer, each as a function that counts the pieces of text."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import aiohttp
import msgspec
from llm_wire.answers import Dialect

from antiphon.providers.anthropic.llm import AnthropicLlm
from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.http import Wire
from antiphon.providers.base.llm import LanguageModel, LlmRequest, Message, TextDelta
from antiphon.providers.gemini.llm import GeminiLlm
from antiphon.providers.openai_compatible.llm import OpenAiLlm

PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:streamGenerateContent?alt=sse",
}
PROMPT = "Tell me a story."
Ask = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    dialect: Dialect
    ask: Ask
    sdk: bool = False


@asynccontextmanager
async def clients(server: str) -> AsyncGenerator[list[Client], None]:
    """Raw aiohttp with msgspec, then ours, then the vendors' own where they are installed, for each dialect."""
    wire = Wire()
    async with aiohttp.ClientSession() as session:
        made = [Client("raw aiohttp", dialect, _raw(session, server, dialect)) for dialect in PATHS]
        made += [Client("antiphon", dialect, _ours(wire, server, dialect)) for dialect in PATHS]
        if find_spec("openai"):
            made.append(Client(_version("openai"), "openai", _openai_sdk(server), sdk=True))
        if find_spec("anthropic"):
            made.append(Client(_version("anthropic"), "anthropic", _anthropic_sdk(server), sdk=True))
        if find_spec("google.genai"):
            made.append(Client(_version("google-genai"), "gemini", _google_sdk(server), sdk=True))
        yield made
    await wire.aclose()


def _version(package: str) -> str:
    return f"{package} {version(package)}"


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


class _BlockDelta(msgspec.Struct):
    text: str | None = None


class _Event(msgspec.Struct):
    delta: _BlockDelta | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class _Content(msgspec.Struct):
    parts: list[_Part]


class _Candidate(msgspec.Struct):
    content: _Content


class _Generated(msgspec.Struct):
    candidates: list[_Candidate]


def _raw(session: aiohttp.ClientSession, server: str, dialect: Dialect) -> Ask:
    """The least that gets the text out: lines are cut, each event is decoded to what is needed of it."""
    decoders = {
        "openai": msgspec.json.Decoder(_Chunk),
        "anthropic": msgspec.json.Decoder(_Event),
        "gemini": msgspec.json.Decoder(_Generated),
    }
    decode: Callable[[bytes], Any] = decoders[dialect].decode
    texts: dict[str, Callable[[Any], str | None]] = {
        "openai": lambda chunk: chunk.choices[0].delta.content if chunk.choices else None,
        "anthropic": lambda event: event.delta.text if event.delta else None,
        "gemini": lambda chunk: chunk.candidates[0].content.parts[0].text,
    }
    text_of = texts[dialect]
    body = msgspec.json.encode(
        {"model": "m", "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    )

    async def ask() -> int:
        pieces, rest = 0, b""
        async with session.post(server + PATHS[dialect], data=body) as response:
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {") and text_of(decode(line[6:])):
                        pieces += 1
        return pieces

    return ask


def _ours(wire: Wire, server: str, dialect: Dialect) -> Ask:
    endpoint = Endpoint(server + ("/v1beta" if dialect == "gemini" else "/v1"), "key")
    adapters: dict[str, Callable[..., LanguageModel]] = {
        "openai": OpenAiLlm,
        "anthropic": AnthropicLlm,
        "gemini": GeminiLlm,
    }
    model = adapters[dialect](wire, endpoint, "m", name=f"{dialect}/m")
    request = LlmRequest("", [Message("user", PROMPT)])

    async def ask() -> int:
        pieces = 0
        async for event in model.stream(request):
            if isinstance(event, TextDelta):
                pieces += 1
        return pieces

    return ask


def _openai_sdk(server: str) -> Ask:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=f"{server}/v1", api_key="key", max_retries=0)

    async def ask() -> int:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        pieces = 0
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                pieces += 1
        return pieces

    return ask


def _anthropic_sdk(server: str) -> Ask:
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(base_url=server, api_key="key", max_retries=0)

    async def ask() -> int:
        stream = await client.messages.create(
            model="m", max_tokens=1000, messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        pieces = 0
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                pieces += 1
        return pieces

    return ask


def _google_sdk(server: str) -> Ask:
    from google.genai import Client as GoogleClient

    client = GoogleClient(api_key="key", http_options={"base_url": server})

    async def ask() -> int:
        pieces = 0
        async for chunk in await client.aio.models.generate_content_stream(model="m", contents=PROMPT):
            if chunk.text:
                pieces += 1
        return pieces

    return ask
