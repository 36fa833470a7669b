"""A router as a language model: fallbacks, hedges, replies that are whole, on a virtual clock."""

import asyncio
import math
from contextlib import aclosing
from dataclasses import replace

import msgspec
import pytest

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.attempts import ReportsAttempts, answer
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import (
    Filler,
    LlmCapabilities,
    LlmRequest,
    LlmUsage,
    Message,
    Stop,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
)
from antiphon.providers.routing.format import parse
from antiphon.providers.routing.health import Health
from antiphon.providers.routing.model import RoutedLlm
from antiphon.providers.routing.process import RoutingMemory
from antiphon.providers.routing.race import Race
from antiphon.providers.scripted import ScriptedLlm, call_tools, say
from tests.providers.contract_llm import HELLO, WEATHER, LlmContract, Stalled

STALL = [(math.inf, Stop("end"))]
RATE_LIMITED = [(0.0, ProviderError("rate_limit", "Too many requests."))]
BROKEN = [(0.0, ProviderError("upstream", "Status 500."))]
OVERLOADED = [(0.0, ProviderError("overloaded", "Status 529."))]
PARIS = ToolCall("call_1", "weather", '{"city":"Paris"}')
OSLO = ToolCall("call_2", "weather", '{"city":"Oslo"}')


def dies_after(text, kind="network"):
    """Says a text, then breaks."""
    return [*say(text)[:-2], (0.0, ProviderError(kind, "It broke."))]


class Desk:
    """A router over scripted models, and what it reported. Models are named m/a, m/b, ... in order."""

    def __init__(self, *answers, memory=None, tenant="acme", cost_of=lambda name: None, **settings):
        self.models = {
            f"m/{letter}": ScriptedLlm(*(one if isinstance(one, tuple) else (one,)), name=f"m/{letter}")
            for letter, one in zip("abcdef", answers, strict=False)
        }
        definition = {
            "kind": "language",
            "default": {"variants": [{"models": list(self.models)}]},
            **settings,
        }
        self.memory = memory or RoutingMemory(Health(clock=asyncio.get_running_loop().time))
        self.router = RoutedLlm(
            "router/main",
            parse(msgspec.json.encode(definition)),
            tenant=tenant,
            memory=self.memory,
            find=self.find,
            cost_of=cost_of,
        )
        self.attempts = []
        self.decisions = []

    def find(self, name):
        if name not in self.models:
            raise UnknownModel(f"No model is called {name!r}.")
        return self.models[name]

    def request(self, **changes):
        return replace(HELLO, report=self.attempts.append, decided=self.decisions.append, **changes)

    async def ask(self, **changes):
        async with aclosing(answer(self.router, self.request(**changes))) as events:
            return [event async for event in events]

    @property
    def chain(self):
        return [(attempt.model, attempt.reason, attempt.outcome) for attempt in self.attempts]

    @property
    def decided(self):
        return [decision.kind for decision in self.decisions]

    def states(self, name):
        return [call.state for call in self.models[name].calls]


def only(*models, **settings):
    """A default route with one variant."""
    return {"variants": [{"models": models}], **settings}


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def calls_of(events):
    return [event for event in events if isinstance(event, ToolCallStarted | ToolCallDelta)]


def now_ms():
    return asyncio.get_running_loop().time() * 1000


class TestContract(LlmContract):
    """A router is a language model like any other."""

    @pytest.fixture
    async def model(self):
        return Desk(say("Hello there.")).router

    @pytest.fixture
    async def tool_caller(self):
        return Desk(call_tools(PARIS, OSLO)).router

    @pytest.fixture
    async def stalled(self):
        desk = Desk([(0.0, TextDelta("Well now ")), *STALL])

        async def released():
            await asyncio.sleep(0)
            assert desk.states("m/a") == ["cancelled"]

        return Stalled(desk.router, released)

    @pytest.fixture
    async def broken(self):
        return Desk(BROKEN, RATE_LIMITED).router

    @pytest.fixture
    async def broken_midway(self):
        return Desk(dies_after("Well, you see ")).router


async def test_it_works():
    desk = Desk(say("Hello, how are you?"), say("Not me."))
    events = await desk.ask()
    assert text_of(events) == "Hello, how are you?"
    assert events[-2:] == [LlmUsage(10, 4), Stop("end")]
    assert isinstance(desk.router, ReportsAttempts)
    assert desk.chain == [("m/a", "first", "completed")]
    assert desk.decided == ["chosen"]
    assert desk.decisions[0].model == "m/a"
    assert desk.decisions[0].reason == "Route default, variant 1: number 1 in order."
    assert desk.models["m/b"].calls == []


async def test_a_stalled_primary_with_a_hedge_of_400_ms_is_answered_by_the_second_model():
    desk = Desk(STALL, say("Second here."), hedge={"after_ms": 400})
    async with aclosing(answer(desk.router, desk.request())) as events:
        first = await anext(events)
        at = now_ms()
        await asyncio.sleep(0)
        assert desk.states("m/a") == ["cancelled"]  # at once, and not when the reply is over
        assert text_of([first, *[event async for event in events]]) == "Second here."
    assert at == pytest.approx(400, abs=1)
    assert desk.chain == [("m/a", "first", "superseded"), ("m/b", "hedge", "completed")]
    lost, won = desk.attempts
    assert lost.usage.input_tokens > 0
    assert lost.usage.estimated
    assert won.began == pytest.approx(400, abs=1)
    assert desk.decided == ["chosen", "hedged"]
    assert desk.decisions[1].model == "m/b"
    assert desk.decisions[1].reason == "m/a said nothing for 400 ms."
    assert desk.decisions[1].after_ms == pytest.approx(400, abs=1)


@pytest.mark.parametrize(
    ("settings", "decided"),
    [
        ({"hedge": {"after_ms": 400}}, ["chosen", "hedged"]),
        ({"patience_ms": 500}, ["chosen", "fell_back"]),
        ({"hedge": {"after_ms": 400}, "filler": {"phrases": ["One moment."], "after_ms": 200}}, None),
    ],
)
async def test_a_loop_that_wakes_a_little_early_changes_no_decision(monkeypatch, settings, decided):
    waits = Race.next

    async def wakes_early(race, until):
        return await waits(race, until - 0.0009)  # as libuv's clock, which counts milliseconds, has it

    monkeypatch.setattr(Race, "next", wakes_early)
    desk = Desk(STALL, say("Second here."), **settings)
    await desk.ask()
    assert desk.decided == (decided or ["chosen", "filler", "hedged"])


async def test_a_primary_that_speaks_in_time_is_not_hedged():
    desk = Desk(say("In time.", first=0.3), say("Second."), hedge={"after_ms": 400})
    assert text_of(await desk.ask()) == "In time."
    assert len(desk.attempts) == 1


async def test_the_first_one_wins_if_it_speaks_before_its_hedge():
    desk = Desk(say("First.", first=0.5), say("Second.", first=0.5), hedge={"after_ms": 400})
    assert text_of(await desk.ask()) == "First."
    assert desk.states("m/b") == ["cancelled"]
    assert sorted(desk.chain) == [("m/a", "first", "completed"), ("m/b", "hedge", "superseded")]


async def test_a_hedge_that_fails_is_replaced_by_the_next_model():
    desk = Desk(STALL, BROKEN, say("Third."), hedge={"after_ms": 400})
    assert text_of(await desk.ask()) == "Third."
    assert now_ms() == pytest.approx(400, abs=1)
    assert [decision.reason for decision in desk.decisions[1:]] == ["m/a said nothing for 400 ms."] * 2
    assert sorted(desk.chain) == [
        ("m/a", "first", "superseded"),
        ("m/b", "hedge", "failed"),
        ("m/c", "hedge", "completed"),
    ]


async def test_a_model_whose_breaker_is_open_is_no_hedge():
    desk = Desk((*[say("Hi.")] * 3, say("Slow.", first=1.0)), BROKEN, hedge={"after_ms": 400})
    by_second = Desk(BROKEN, say("Hi."), memory=desk.memory, default=only("m/b", "m/a"))
    by_second.models = desk.models
    for _ in range(3):
        await by_second.ask()
    assert text_of(await desk.ask()) == "Slow."
    assert desk.decided == ["chosen"]


async def test_a_primary_that_fails_while_its_hedge_runs_leaves_the_answer_to_it():
    late = [(0.6, ProviderError("timeout", "Too slow."))]
    desk = Desk(late, say("Second.", first=0.5), say("Third."), hedge={"after_ms": 400})
    assert text_of(await desk.ask()) == "Second."
    assert desk.models["m/c"].calls == []


async def test_without_a_hedge_the_next_model_is_asked_when_patience_ends():
    desk = Desk(STALL, say("Second."), patience_ms=2000)
    assert text_of(await desk.ask()) == "Second."
    assert now_ms() == pytest.approx(2000, abs=1)
    assert desk.decided == ["chosen", "fell_back"]


async def test_nobody_loses_patience_with_the_last_model():
    desk = Desk(BROKEN, say("Late.", first=20.0), patience_ms=2000)
    assert text_of(await desk.ask()) == "Late."


async def test_a_rate_limit_falls_back_at_once():
    desk = Desk(RATE_LIMITED, say("Fine."))
    assert text_of(await desk.ask()) == "Fine."
    assert desk.chain == [("m/a", "first", "failed"), ("m/b", "fallback", "completed")]
    assert desk.attempts[0].error == "rate_limit"
    assert desk.attempts[0].usage is None
    assert desk.decided == ["chosen", "fell_back"]
    assert desk.decisions[1].reason == "m/a failed (rate_limit)."
    assert now_ms() == pytest.approx(0, abs=1)


async def test_one_failure_after_the_other_falls_back_until_somebody_answers():
    desk = Desk(BROKEN, OVERLOADED, say("Fine."))
    assert text_of(await desk.ask()) == "Fine."
    assert [outcome for _, _, outcome in desk.chain] == ["failed", "failed", "completed"]


async def test_models_that_cannot_be_found_are_passed_over():
    desk = Desk(say("Fine."), default=only("gone/x"), fallbacks=["m/a"])
    assert text_of(await desk.ask()) == "Fine."
    assert desk.chain == [("m/a", "first", "completed")]


async def test_when_nobody_answers_the_error_names_all_and_what_they_said():
    desk = Desk(BROKEN, RATE_LIMITED)
    with pytest.raises(ProviderError) as failure:
        await desk.ask()
    assert failure.value.kind == "rate_limit"
    assert not failure.value.started
    assert "m/a: Status 500." in failure.value.message
    assert "m/b: Too many requests." in failure.value.message
    assert "router/main" in failure.value.message


async def test_a_model_that_dies_in_mid_sentence_leaves_a_whole_reply_and_one_chain():
    desk = Desk(dies_after("It is sunny in Oslo and rai"), say("rains in Bergen."))
    events = await desk.ask()
    assert text_of(events) == "It is sunny in Oslo and rains in Bergen."
    assert desk.chain == [("m/a", "first", "failed"), ("m/b", "continuation", "completed")]
    (call,) = desk.models["m/b"].calls
    said, instruction = call.request.messages[-2:]
    assert said == Message("assistant", "It is sunny in Oslo and")
    assert instruction.role == "user"
    assert desk.decided == ["chosen", "continued"]
    first, second = (attempt.usage for attempt in desk.attempts)
    assert events[-2].output_tokens == first.output_tokens + second.output_tokens
    assert events[-2].estimated


def stalls_after(text):
    """Says a text, and then nothing, without an error."""
    return [*say(text)[:-2], *STALL]


async def test_a_model_that_stalls_in_mid_sentence_is_followed_within_seconds():
    desk = Desk(stalls_after("The table is "), say("booked for eight."))
    began = now_ms()
    assert text_of(await desk.ask()) == "The table is booked for eight."
    assert now_ms() - began == 4000
    assert desk.chain == [("m/a", "first", "superseded"), ("m/b", "continuation", "completed")]
    assert desk.attempts[0].usage.output_tokens > 0, "what it said is to be paid"
    assert desk.states("m/a") == ["cancelled"]
    assert desk.decided[-1] == "continued"


async def test_a_model_that_stalls_again_and_again_is_a_sick_one():
    desk = Desk(stalls_after("The table is "), say("booked for eight."))
    for _ in range(5):
        await desk.ask()
    assert desk.memory.health.vital("acme:m/a").breaker == "open"


async def test_a_slow_listener_is_no_stalled_model():
    desk = Desk(say("The table is booked."), say("Never asked."))
    async with aclosing(answer(desk.router, desk.request())) as events:
        async for _ in events:
            await asyncio.sleep(30)
    assert desk.chain == [("m/a", "first", "completed")]


async def test_the_last_model_may_take_its_time_in_mid_sentence():
    desk = Desk(say("The table is booked.", pace=10.0))
    assert text_of(await desk.ask()) == "The table is booked."


async def test_calls_of_a_model_that_stalls_are_made_by_another_one():
    desk = Desk([*call_tools(PARIS)[:2], *STALL], call_tools(OSLO))
    events = await desk.ask(tools=[WEATHER])
    assert [event.call_id for event in calls_of(events)] == [OSLO.call_id] * 3
    assert desk.chain == [("m/a", "first", "superseded"), ("m/b", "fallback", "completed")]


@pytest.mark.parametrize(
    "continued",
    [
        "rains in Bergen.",
        "and rains in Bergen.",
        "It is sunny in Oslo and rains in Bergen.",
        "...and rains in Bergen.",
        "… rains in Bergen.",
        "\nsunny in Oslo and rains in Bergen.",
    ],
)
async def test_a_model_that_repeats_what_was_said_is_not_heard_twice(continued):
    desk = Desk(dies_after("It is sunny in Oslo and "), say(continued))
    assert text_of(await desk.ask()) == "It is sunny in Oslo and rains in Bergen."


async def test_an_empty_line_is_nothing_to_go_on_from():
    desk = Desk([(0.0, TextDelta("\n ")), (0.0, ProviderError("network", "It broke."))], say("Hello."))
    assert text_of(await desk.ask()).strip() == "Hello."
    assert desk.chain[1] == ("m/b", "fallback", "completed")


async def test_a_continuation_that_dies_is_continued_too():
    desk = Desk(dies_after("One two "), dies_after("three four "), say("five."))
    assert text_of(await desk.ask()) == "One two three four five."
    assert desk.models["m/c"].calls[0].request.messages[-2].text == "One two three four"
    assert [reason for _, reason, _ in desk.chain] == ["first", "continuation", "continuation"]


async def test_the_loser_of_a_hedge_may_go_on_for_a_winner_that_dies():
    desk = Desk((STALL, say("two.")), dies_after("One "), hedge={"after_ms": 400})
    assert text_of(await desk.ask()) == "One two."
    assert sorted(desk.chain) == [
        ("m/a", "continuation", "completed"),
        ("m/a", "first", "superseded"),
        ("m/b", "hedge", "failed"),
    ]


async def test_a_reply_that_nobody_can_continue_fails_as_one_that_had_started():
    desk = Desk(dies_after("One two "), BROKEN)
    with pytest.raises(ProviderError) as failure:
        await desk.ask()
    assert failure.value.started


async def test_what_is_left_of_the_limit_is_the_limit_of_the_continuation():
    desk = Desk(dies_after("One two three four five six "), say("seven."))
    await desk.ask(max_output_tokens=100)
    assert desk.models["m/b"].calls[0].request.max_output_tokens == 93


async def test_a_tool_call_is_passed_on_once_when_its_attempt_is_complete():
    desk = Desk(call_tools(PARIS))
    events = await desk.ask(tools=[WEATHER])
    assert [type(event) for event in events] == [
        ToolCallStarted,
        ToolCallDelta,
        ToolCallDelta,
        LlmUsage,
        Stop,
    ]
    assert events[-1] == Stop("tool_calls")


async def test_the_calls_of_a_failed_attempt_are_never_passed_on():
    broken = [*call_tools(PARIS)[:-2], (0.0, ProviderError("network", "It broke."))]
    desk = Desk(broken, call_tools(OSLO))
    events = await desk.ask(tools=[WEATHER])
    assert {event.call_id for event in calls_of(events)} == {"call_2"}
    assert events[-2] == LlmUsage(10, 1)  # what is shown; the attempts say what the failed one cost
    assert desk.attempts[0].usage.estimated


async def test_a_call_that_was_passed_on_is_the_last_thing_of_an_answer():
    broken = [*say("One moment ")[:-2], *call_tools(PARIS)[:-2], (0.0, ProviderError("network", "It broke."))]
    desk = Desk(broken, call_tools(OSLO))
    events = await desk.ask(tools=[WEATHER])
    assert text_of(events) == "One moment "
    assert {event.call_id for event in calls_of(events)} == {"call_2"}


async def test_hedges_stop_when_their_budget_is_spent():
    desk = Desk(say("Slow.", first=1.0), say("Fast."), hedge={"after_ms": 400, "budget": 0.25})
    hedged = 0
    for _ in range(45):
        desk.memory.health = Health()  # which knows nothing: breakers stay out of this
        await desk.ask()
        hedged += "hedged" in desk.decided
        desk.decisions.clear()
    assert hedged == 5 + 45 // 4


async def test_an_automatic_hedge_learns_how_long_the_model_takes():
    desk = Desk((*[say("Hi.", first=0.4)] * 10, STALL), say("Second."), hedge={"after_ms": "auto"})
    for _ in range(10):
        await desk.ask()
    began = now_ms()
    assert text_of(await desk.ask()) == "Second."
    assert 400 < now_ms() - began < 445


async def learned(model, first):
    """A memory that knows how long this model takes to its first word."""
    memory = RoutingMemory(Health(clock=asyncio.get_running_loop().time))
    for name, seconds in zip(model, first, strict=True):
        desk = Desk(*[say("Hi.", first=seconds)] * 2, memory=memory, default=only(name))
        for _ in range(5):
            await desk.ask()
    return memory


async def test_an_automatic_hedge_comes_earlier_when_the_second_model_needs_the_time():
    memory = await learned(["m/a", "m/b"], [0.5, 0.3])
    desk = Desk(STALL, say("Second.", first=0.3), memory=memory, hedge={}, latency_budget_ms=900)
    began = now_ms()
    await desk.ask()
    hedged = next(decision for decision in desk.decisions if decision.kind == "hedged")
    assert 270 < hedged.after_ms < 300  # of the 600 ms for the first words the second model takes 300
    assert now_ms() - began < 600


async def test_a_model_that_is_too_slow_for_the_budget_is_stepped_down_from():
    memory = await learned(["m/a", "m/b"], [1.2, 0.2])
    desk = Desk(say("Slow.", first=1.2), say("Fast.", first=0.2), memory=memory)
    assert text_of(await desk.ask(latency_budget_ms=900)) == "Fast."
    assert desk.decided == ["chosen", "stepped_down"]
    assert "m/a would be too late" in desk.decisions[1].reason
    assert text_of(await desk.ask(latency_budget_ms=5000)) == "Slow."


FILLER = {"phrases": ["One moment.", "Let me see."]}


async def test_a_filler_is_spoken_when_nothing_was_said_by_its_time():
    desk = Desk(say("It rains.", first=2.0), filler=FILLER, latency_budget_ms=900)
    async with aclosing(desk.router.stream(desk.request())) as events:
        assert await anext(events) == Filler("Let me see. ")
        assert now_ms() == pytest.approx(600, abs=1)
        assert text_of([event async for event in events]) == "It rains."
    assert desk.decided == ["chosen", "filler"]


async def test_no_filler_is_spoken_in_time_or_in_writing():
    desk = Desk(say("It rains.", first=0.5), filler=FILLER, latency_budget_ms=900)
    assert text_of(await desk.ask()) == "It rains."
    desk = Desk(say("It rains.", first=2.0), filler=FILLER, latency_budget_ms=900)
    assert text_of(await desk.ask(modality="text")) == "It rains."


async def test_a_model_never_hears_that_it_said_the_filler():
    slow = [(1.0, TextDelta("It rains ")), (0.0, ProviderError("network", "It broke."))]
    desk = Desk(slow, say("in Bergen."), filler={**FILLER, "after_ms": 500})
    assert text_of(await desk.ask()) == "Let me see. It rains in Bergen."
    assert desk.models["m/b"].calls[0].request.messages[-2].text == "It rains"


async def test_a_filler_covers_a_tool_call_that_takes_long_to_write():
    steps = call_tools(PARIS)
    slow = [steps[0], (1.0, steps[1][1]), *steps[2:]]
    desk = Desk(slow, filler={**FILLER, "after_ms": 500})
    events = await desk.ask(tools=[WEATHER])
    assert text_of(events) == "Let me see. "
    assert isinstance(events[0], Filler)


async def test_a_failure_after_a_filler_had_started():
    desk = Desk([(1.0, ProviderError("upstream", "Broken."))], filler={**FILLER, "after_ms": 500})
    with pytest.raises(ProviderError) as failure:
        await desk.ask()
    assert failure.value.started


async def test_cancelling_closes_all_models():
    desk = Desk(STALL, STALL, hedge={"after_ms": 400})
    task = asyncio.create_task(desk.ask())
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.states("m/a") == desk.states("m/b") == ["cancelled"]
    assert sorted(desk.chain) == [("m/a", "first", "cancelled"), ("m/b", "hedge", "cancelled")]


async def test_closing_the_answer_closes_the_model_that_speaks():
    desk = Desk([(0.0, TextDelta("Well now ")), *STALL])
    async with aclosing(desk.router.stream(desk.request())) as events:
        await anext(events)
    assert desk.chain == [("m/a", "first", "cancelled")]


async def test_a_breaker_opens_after_failures_and_closes_after_a_good_call():
    desk = Desk((*[BROKEN] * 3, say("Back.")), say("Second."))
    for _ in range(3):
        assert text_of(await desk.ask()) == "Second."
    desk.attempts.clear()
    assert text_of(await desk.ask()) == "Second."
    assert desk.chain == [("m/b", "first", "completed")]
    await asyncio.sleep(15)
    assert text_of(await desk.ask()) == "Back."
    assert text_of(await desk.ask()) == "Back."


async def test_a_model_that_is_overtaken_again_and_again_is_left_alone():
    desk = Desk(STALL, say("Second."), hedge={"after_ms": 400})
    for _ in range(3):
        await desk.ask()
    began = now_ms()
    await desk.ask()
    assert now_ms() == began
    assert len(desk.models["m/a"].calls) == 3


async def test_a_model_whose_breaker_is_open_is_the_last_resort():
    desk = Desk((*[BROKEN] * 3, say("Back.")), (*[say("Second.")] * 3, BROKEN))
    for _ in range(3):
        await desk.ask()
    assert text_of(await desk.ask()) == "Back."


async def test_a_refused_request_is_no_sign_of_a_sick_model():
    refused = [(0.0, ProviderError("context_length", "Too long."))]
    desk = Desk(refused, say("Second."))
    for _ in range(6):
        await desk.ask()
    assert len(desk.models["m/a"].calls) == 6


async def test_breakers_are_those_of_one_tenant():
    memory = RoutingMemory(Health(clock=asyncio.get_running_loop().time))
    acme, other = (Desk(BROKEN, say("Second."), memory=memory, tenant=tenant) for tenant in ("acme", "other"))
    for _ in range(4):
        await acme.ask()
    await other.ask()
    assert len(acme.models["m/a"].calls) == 3
    assert len(other.models["m/a"].calls) == 1


async def test_a_session_stays_with_its_model_for_the_prompt_cache():
    cheap = {"m/a": 10.0, "m/b": 20.0}
    by_cost = only("m/a", "m/b", select="cost")
    desk = Desk(say("A."), say("B."), default=by_cost, cost_of=cheap.get)
    assert text_of(await desk.ask(cache_key="s1")) == "A."
    cheap["m/a"] = 30.0
    assert text_of(await desk.ask(cache_key="s1")) == "A."
    assert text_of(await desk.ask(cache_key="s2")) == "B."


async def test_capabilities_are_what_all_models_have():
    desk = Desk(say("A."), say("B."))
    desk.models["m/a"].capabilities = LlmCapabilities(images=True, context_tokens=8_000)
    desk.models["m/b"].capabilities = LlmCapabilities(tools=False, images=True, context_tokens=32_000)
    assert desk.router.capabilities == LlmCapabilities(tools=False, images=True, context_tokens=8_000)


async def test_capabilities_of_a_router_without_a_usable_model_say_so():
    desk = Desk(say("A."))
    desk.models.clear()
    with pytest.raises(UnknownModel, match="None of the models of router/main"):
        _ = desk.router.capabilities
    with pytest.raises(ProviderError, match="No model of router/main could answer"):
        await desk.ask()


async def test_an_error_of_ours_is_not_taken_for_one_of_a_provider():
    def bug(request: LlmRequest):
        raise ZeroDivisionError

    desk = Desk(bug, say("Second."))
    with pytest.raises(ZeroDivisionError):
        await desk.ask()
