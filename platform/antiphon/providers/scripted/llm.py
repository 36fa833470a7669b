"""A language model that follows a script."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    LlmCapabilities,
    LlmEvent,
    LlmRequest,
    LlmUsage,
    Stop,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.scripted.record import Call, pause, record

Step = tuple[float, LlmEvent | ProviderError]
"""Seconds to wait (`math.inf`: for ever), and what happens then."""

Answer = Sequence[Step] | Callable[[LlmRequest], Sequence[Step]]


def say(text: str, *, first: float = 0.0, pace: float = 0.0) -> list[Step]:
    """A whole answer, word by word: the first word after `first` seconds, `pace` seconds between words."""
    words = re.findall(r"\S+\s*|\s+", text)
    deltas: list[Step] = [(pace if i else first, TextDelta(word)) for i, word in enumerate(words)]
    return [*deltas, (0.0, LlmUsage(input_tokens=10, output_tokens=len(words))), (0.0, Stop("end"))]


def call_tools(*calls: ToolCall, first: float = 0.0) -> list[Step]:
    """A whole answer that calls tools, the arguments of each in two pieces."""
    steps: list[Step] = []
    for call in calls:
        middle = len(call.arguments) // 2
        steps.append((0.0 if steps else first, ToolCallStarted(call.call_id, call.name)))
        steps += [
            (0.0, ToolCallDelta(call.call_id, piece))
            for piece in (call.arguments[:middle], call.arguments[middle:])
            if piece
        ]
    return [*steps, (0.0, LlmUsage(input_tokens=10, output_tokens=len(calls))), (0.0, Stop("tool_calls"))]


class ScriptedLlm:
    """Gives its answers in turn, the last one for ever. A ProviderError in an answer is raised."""

    def __init__(
        self,
        *answers: Answer,
        name: str = "scripted/llm",
        capabilities: LlmCapabilities = LlmCapabilities(images=True),  # noqa: B008
    ) -> None:
        if not answers:
            raise ValueError("ScriptedLlm needs at least one answer, for example say('Hello.').")
        self.name = name
        self.capabilities = capabilities
        self.answers = list(answers)
        self.calls: list[Call[LlmRequest]] = []

    async def stream(self, request: LlmRequest) -> AsyncGenerator[LlmEvent, None]:
        answer = self.answers[min(len(self.calls), len(self.answers) - 1)]
        steps = answer if isinstance(answer, Sequence) else answer(request)
        started = False
        with record(self.calls, request):
            for seconds, event in steps:
                await pause(seconds)
                if isinstance(event, ProviderError):
                    raise ProviderError(
                        event.kind, event.message, started=started, retry_after=event.retry_after
                    )
                started = True
                yield event
