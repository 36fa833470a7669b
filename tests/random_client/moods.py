"""Models and tool servers in every mood, each as its script says."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from antiphon.protocol.items import RemoteTool
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmRequest, LlmUsage, Stop, TextDelta, ToolCall
from antiphon.providers.base.tools import ToolFailure, ToolServer
from antiphon.providers.scripted.llm import Answer, ScriptedLlm, Step, call_tools, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts, Speech
from tests.engine.session_harness import Stage

_LONG = "One two three. Four five six seven eight. "


def _use_tools(request: LlmRequest) -> Sequence[Step]:
    """Calls what it was offered, at most two of it, the first time in a conversation."""
    if not request.tools or (request.messages and request.messages[-1].role == "tool"):
        return say("That is all I found.")
    calls = [ToolCall(f"call_{n}", tool.name, '{"city": "Köln"}') for n, tool in enumerate(request.tools[:2])]
    return [(0.0, TextDelta("Let me look. ")), *call_tools(*calls, first=0.1)]


# An exception keeps what it was raised through, so that each session gets errors of its own.


def _busy() -> ProviderError:
    return ProviderError("overloaded", "Too much to do.")


_ANSWERS: dict[str, Callable[[], Answer]] = {
    "long": lambda: say(_LONG * 5, first=0.1, pace=0.05),
    "endless": lambda: say(_LONG * 60, first=0.2),
    "short": lambda: say("Short."),
    "slow": lambda: say("Grüße 😀 aus Köln. " * 3, pace=0.3),
    "empty": lambda: say(""),
    "uses tools": lambda: _use_tools,
    "busy": lambda: [(0.2, _busy())],
    "breaks": lambda: [(0.1, TextDelta("It broke ")), (0.5, _busy())],
    "hangs": lambda: [(0.1, TextDelta("It goes on ")), (math.inf, TextDelta("never"))],
    "too long": lambda: [(0.1, TextDelta("Cut off. ")), (0.0, LlmUsage(1, 1)), (0.0, Stop("length"))],
    "filtered": lambda: [(0.1, Stop("content_filter"))],
}
_HEARD: dict[str, Callable[[], Heard]] = {
    "words": lambda: Heard("hi", delay=0.1),
    "partials": lambda: Heard("hello there how are you", delay=0.2, partial_every_ms=100),
    "nothing": lambda: Heard("", delay=0.3),
    "breaks": lambda: Heard(error=_busy()),
    "breaks early": lambda: Heard("too late", partial_every_ms=200, error=_busy(), error_at_ms=400),
    "hangs": lambda: Heard("never", delay=math.inf),
}
_SPEECHES: dict[str, Callable[[], Speech]] = {
    "at once": Speech,
    "slow": lambda: Speech(delay=0.2, pace=0.5),
    "breaks": lambda: Speech(breaks_after_ms=300, error=_busy()),
    "hangs": lambda: Speech(breaks_after_ms=500),
}


class MoodyToolServers:
    """Takes a while, and fails every third time."""

    def __init__(self) -> None:
        self._asked = 0

    async def list_tools(self, server: ToolServer) -> Sequence[RemoteTool]:
        await self._work()
        return [RemoteTool(name=name, input_schema={"type": "object"}) for name in ("look_up", "weather")]

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        await self._work()
        return "found"

    async def _work(self) -> None:
        self._asked += 1
        await asyncio.sleep(0.3)
        if self._asked % 3 == 2:
            raise ToolFailure("http_error", "Out of order.", 502)


@dataclass(frozen=True)
class Moods:
    """Those of the models, by name and in turn."""

    answers: list[str]
    heard: list[str]
    speeches: list[str]
    end_of_turn: float  # how sure that model always is

    def stage(self, resume_seconds: float) -> Stage:
        stage = Stage(
            llm=ScriptedLlm(*(_ANSWERS[name]() for name in self.answers)),
            stt=ScriptedStt(*(_HEARD[name]() for name in self.heard)),
            tts=ScriptedTts(*(_SPEECHES[name]() for name in self.speeches), ms_per_character=40),
            tool_servers=MoodyToolServers(),
            resume_seconds=resume_seconds,
        )
        stage.end_of_turn.probability = self.end_of_turn
        return stage


def _some(scripts: Mapping[str, object], often: str, most: int) -> st.SearchStrategy[list[str]]:
    name = st.one_of(st.just(often), st.sampled_from(sorted(scripts)))
    return st.lists(name, min_size=1, max_size=most)


moods: st.SearchStrategy[Moods] = st.builds(
    Moods,
    _some(_ANSWERS, "uses tools", 6),
    _some(_HEARD, "words", 4),
    _some(_SPEECHES, "at once", 3),
    st.sampled_from([0.1, 0.9]),
)
