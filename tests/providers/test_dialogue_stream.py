"""The built-in stand-in as a language model: deltas, limits, cancelling, usage."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from antiphon.providers.base.llm import LlmEvent, LlmRequest, LlmUsage, Message, Stop, TextDelta
from antiphon.providers.local.dialogue import DialogueModel
from antiphon.providers.local.dialogue.model import estimated_tokens

MODEL = DialogueModel(clock=lambda: datetime(2026, 11, 22, 15, 5, tzinfo=UTC))


def request(text: str, max_output_tokens: int | None = None) -> LlmRequest:
    return LlmRequest("Be kind.", (Message("user", text),), max_output_tokens=max_output_tokens)


async def events(text: str, max_output_tokens: int | None = None) -> list[LlmEvent]:
    return [event async for event in MODEL.stream(request(text, max_output_tokens))]


async def test_it_works() -> None:
    assert await events("what is two plus two") == [
        TextDelta("Two plus two is"),
        TextDelta(" four."),
        LlmUsage(input_tokens=estimated_tokens(28), output_tokens=6, estimated=True),
        Stop("end"),
    ]


def test_names_itself() -> None:
    assert MODEL.name == "local/dialogue"
    assert MODEL.capabilities.tools
    assert not MODEL.capabilities.images


async def test_deltas_are_a_few_words_each() -> None:
    deltas = [event.text for event in await events("tell me a story") if isinstance(event, TextDelta)]
    assert len(deltas) > 50
    assert max(len(delta.split()) for delta in deltas) <= 4


async def test_the_same_request_has_the_same_events() -> None:
    assert await events("tell me a very long story") == await events("tell me a very long story")


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_stops_at_the_token_limit(limit: int) -> None:
    *deltas, usage, stop = await events("count to two hundred", limit)
    text = "".join(event.text for event in deltas if isinstance(event, TextDelta))
    assert len(text) == 4 * limit
    assert "One, two, three".startswith(text[:15])
    assert isinstance(usage, LlmUsage)
    assert usage.output_tokens == limit
    assert stop == Stop("length")


async def test_an_answer_that_just_fits_ends_normally() -> None:
    whole = await events("what is two plus two")
    assert await events("what is two plus two", 6) == whole
    assert (await events("what is two plus two", 5))[-1] == Stop("length")


async def test_a_long_answer_is_made_only_as_far_as_it_is_read() -> None:
    stream = MODEL.stream(request("count to nine hundred billion"))
    started = time.process_time()
    first = await anext(stream)
    await stream.aclose()
    assert first == TextDelta("One, two, three, four,")
    assert time.process_time() - started < 0.5


async def test_cancelling_its_task_stops_the_work() -> None:
    read = 0
    started = asyncio.Event()

    async def consume() -> None:
        nonlocal read
        async for _ in MODEL.stream(request("count to nine hundred billion")):
            read += 1
            started.set()

    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seen = read
    await asyncio.sleep(0)
    assert read == seen


async def test_others_get_their_turn_while_it_talks() -> None:
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(bystander())
        deltas = len(await events("count to one thousand"))
        task.cancel()
    assert turns >= deltas / 2
