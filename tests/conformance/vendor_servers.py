"""Vendors on loopback for a platform that runs by itself, and what a test asks of both."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.providers.base.llm import LlmUsage, ToolCall
from antiphon.providers.scripted.llm import Answer, ScriptedLlm
from antiphon.providers.scripted.server import Canned, Received, StubServer
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from tests.conformance.commands import manage, manage_all
from tests.conformance.talker import Talker
from tests.platform_fixture import Platform
from tests.providers.vendors.anthropic import AnthropicServer, AnthropicSpelling
from tests.providers.vendors.gemini_text import GeminiServer, GeminiSpelling
from tests.providers.vendors.openai_realtime import OpenAiVendor

KEY = "loopback-key-0001"
HEARD = "Tell me a story."  # what `acme` makes of any speech
_MS_PER_CHARACTER = 15  # of its voice
_CHAT, _HEAR, _SPEAK = "/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/speech"


@dataclass(frozen=True)
class Vendors:
    """What the tenant `demo` can use: `acme/...` and `second/...`, which speak OpenAI's dialect, `claude/...`,
    `gem/...`, and `azure/...realtime...`, which speaks itself."""

    platform: Platform
    acme: StubServer
    second: StubServer
    claude: AnthropicServer
    gem: GeminiServer
    azure: OpenAiVendor

    def talker(self, model: str) -> Talker:
        return Talker(self.platform, model)

    def script(self, *answers: Answer, second: Answer | None = None) -> None:
        """What `acme` answers, and `second`, from now on; everything that was asked before is forgotten."""
        self.acme.llm = ScriptedLlm(*answers)
        if second is not None:
            self.second.llm = ScriptedLlm(second)
        for server in (self.acme, self.second, self.claude, self.gem):
            server.requests.clear()

    async def log_of(self, talker: Talker) -> list[dict[str, Any]]:
        """The rows of a session that has ended."""
        session_id = talker.events[0].session.id
        async with asyncio.timeout(30):
            while True:
                printed = await run(self.platform, "session_log", session_id, "--tenant", "demo")
                rows = [json.loads(line) for line in printed.splitlines()]
                if any(row["type"] == "session.ended" for row in rows):
                    return rows


@asynccontextmanager
async def vendors_of(
    platform: Platform, folder: Path, routers: Mapping[str, Mapping[str, Any]]
) -> AsyncIterator[Vendors]:
    """The servers run in this event loop. `folder` is for the files of the routers."""
    async with AsyncExitStack() as stack:
        acme, second = [
            await stack.enter_async_context(
                StubServer(stt=ScriptedStt(Heard(HEARD)), tts=ScriptedTts(ms_per_character=_MS_PER_CHARACTER))
            )
            for _ in range(2)
        ]
        claude = await stack.enter_async_context(AnthropicServer())
        gem = await stack.enter_async_context(GeminiServer())
        azure = await stack.enter_async_context(OpenAiVendor())
        azure.sound = False  # it hears people, not sounds that tell their place
        commands = [
            _add_provider("acme", acme.base_url),
            _add_provider("second", second.base_url),
            _add_provider("claude", claude.base_url, "anthropic"),
            _add_provider("gem", gem.base_url, "gemini"),
            _add_provider("azure", azure.base_url),
        ]
        for name, definition in routers.items():
            file = folder / f"{name}.json"
            file.write_text(json.dumps({"kind": "language", **definition}))
            commands.append(["put_router", "--tenant", "demo", "--name", name, str(file)])
        done = await asyncio.to_thread(manage_all, platform.data_dir, commands, typed=f"{KEY}\n" * 5)
        assert done.returncode == 0, done.stderr
        yield Vendors(platform, acme, second, claude, gem, azure)


async def add_provider(platform: Platform, slug: str, base_url: str = "") -> str:
    """What the command printed. The key is typed."""
    return await run(platform, *_add_provider(slug, base_url), typed=f"{KEY}\n")


def _add_provider(slug: str, base_url: str, dialect: str = "openai") -> list[str]:
    where = ["--dialect", dialect, "--base-url", base_url] if base_url else []
    return ["add_provider", "--tenant", "demo", "--slug", slug, *where, "--key", "-"]


async def run(platform: Platform, *arguments: str, typed: str = "") -> str:
    """A command, while the servers of this event loop answer it."""
    done = await asyncio.to_thread(manage, platform.data_dir, *arguments, typed=typed)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What servers were sent


def asked(server: StubServer) -> list[Received]:
    """What a language model was asked."""
    return [request for request in server.requests if request.path == _CHAT]


def heard(server: StubServer) -> list[Received]:
    return [request for request in server.requests if request.path == _HEAR]


def spoken(server: StubServer) -> list[Received]:
    return [request for request in server.requests if request.path == _SPEAK]


def told(request: Received) -> list[tuple[str, str]]:
    """Roles and texts of a request in OpenAI's or Anthropic's dialect, without the instructions."""
    return [
        (message["role"], _text(message["content"]))
        for message in request.body["messages"]
        if message["role"] not in ("system", "developer")
    ]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


# What sessions do


async def configure(talker: Talker, **session: Any) -> None:
    number = len(talker.of("session.updated")) + 1
    settings: Any = {"type": "realtime", **session}
    await talker.send.session.update(session=settings)
    await talker.wait_for("session.updated", number)


async def ask(talker: Talker, text: str) -> Any:
    """The response."""
    number = len(talker.of("response.done")) + 1
    await talker.say(text)
    return (await talker.wait_for("response.done", number)).response


async def hear_out(talker: Talker) -> None:
    """Waits until the last answer was played to its end."""
    last = talker.of("response.done")[-1].response.id
    deltas = [delta for delta in talker.of(talker.audio_delta) if delta.response_id == last]
    seconds = sum(len(delta.delta) * 3 / 4 for delta in deltas) / 48_000
    end = talker.at(deltas[0]) + seconds if deltas else 0.0
    await asyncio.sleep(end - asyncio.get_running_loop().time() + 0.1)


def words(response: Any) -> str:
    """What a response says."""
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    return " ".join(part.transcript or part.text for part in parts).strip()


# Answers in the dialects of vendors


def says(spelling: AnthropicSpelling | GeminiSpelling, text: str) -> Canned:
    usage = LlmUsage(10, 4)
    return Canned([*spelling.opening(usage), spelling.text(text), *spelling.closing("end", usage)])


def calls(spelling: AnthropicSpelling | GeminiSpelling, call: ToolCall) -> Canned:
    usage = LlmUsage(10, 4)
    return Canned([*spelling.opening(usage), *spelling.calls(call), *spelling.closing("tool_calls", usage)])
