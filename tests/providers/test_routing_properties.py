"""What holds of a router's answer whatever its models do, and whenever it is cancelled."""

import asyncio
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import LlmUsage, Stop, TextDelta, ToolCallDelta, ToolCallStarted
from tests.providers.test_routing_model import Desk, calls_of, text_of
from tests.virtual_clock import VirtualClockLoop

DELAYS = st.sampled_from([0.0, 0.0, 0.1, 0.4, 0.7, 3.0])
ERROR = ProviderError("upstream", "It broke.")


@st.composite
def scripts(draw, letter):
    """What a model does: it stalls before its first word, or says words of its own, perhaps calls a tool, and
    completes the answer or breaks."""
    if draw(st.booleans()):
        return [(draw(st.sampled_from([0.0, 0.5, math.inf])), ERROR)]
    steps = [(draw(DELAYS), TextDelta(f"{letter}{n} ")) for n in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        steps += [
            (draw(DELAYS), ToolCallStarted(f"call_{letter}", "weather")),
            (draw(DELAYS), ToolCallDelta(f"call_{letter}", "{}")),
        ]
    if draw(st.booleans()):
        return [*steps, (draw(DELAYS), ERROR)]
    return [*steps, (draw(DELAYS), LlmUsage(10, 3)), (0.0, Stop("end"))]


DESKS = st.tuples(*(scripts(letter) for letter in "abc"))
GOOD = [(0.1, TextDelta("d0 ")), (0.1, TextDelta("d1")), (0.0, LlmUsage(10, 2)), (0.0, Stop("end"))]
SETTINGS = st.sampled_from([{}, {"hedge": {"after_ms": 400}}, {"hedge": {}, "latency_budget_ms": 600}])


def run(scenario):
    """On a virtual clock of its own; fails if a task is left."""
    loop = VirtualClockLoop()

    async def checked():
        await scenario()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        loop.run_until_complete(checked())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def check_attempts(desk):
    """Each call of a model was closed, and reported once."""
    calls = [(name, call.state) for name, model in desk.models.items() for call in model.calls]
    assert "running" not in {state for _, state in calls}
    assert sorted(name for name, _ in calls) == sorted(attempt.model for attempt in desk.attempts)


@given(DESKS, SETTINGS)
@settings(max_examples=150, deadline=None)
def test_the_reply_is_whole_whatever_the_models_do(scripts, router):
    async def scenario():
        desk = Desk(*scripts, GOOD, patience_ms=1000, **router)
        events = await desk.ask()
        check_attempts(desk)
        assert [type(event) for event in events[-2:]] == [LlmUsage, Stop]
        (winner,) = [attempt.model for attempt in desk.attempts if attempt.outcome == "completed"]
        words = text_of(events).split()
        assert len(set(words)) == len(words)
        for letter in "abcd":
            own = [word for word in words if word[0] == letter]
            assert own == [f"{letter}{n}" for n in range(len(own))]
        order = "".join(dict.fromkeys(word[0] for word in words))
        assert len(order) == len([n for n, word in enumerate(words) if n == 0 or word[0] != words[n - 1][0]])
        assert {event.call_id for event in calls_of(events)} <= {f"call_{winner[-1]}"}
        if winner == "m/d":
            assert words[-2:] == ["d0", "d1"]

    run(scenario)


@given(DESKS, SETTINGS, st.sampled_from([0.0, 0.1, 0.4, 0.41, 0.5, 0.9, 1.3, 2.5]))
@settings(max_examples=150, deadline=None)
def test_cancelling_at_any_time_leaves_nothing_behind(scripts, router, seconds):
    async def scenario():
        desk = Desk(*scripts, GOOD, patience_ms=1000, **router)
        task = asyncio.create_task(desk.ask())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])
        check_attempts(desk)

    run(scenario)
