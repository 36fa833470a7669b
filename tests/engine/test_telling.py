"""Events outside of the protocol: only for clients that ask for them."""

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.llm import TextDelta
from antiphon.providers.scripted.llm import ScriptedLlm
from tests.engine.session_harness import Client, Stage


def ask_for(client: Client, *events: str) -> None:
    client.send(
        "session.update", session={"type": "realtime", "providerData": {"antiphon": {"events": [*events]}}}
    )


async def test_it_works_a_client_that_asks_is_told_of_each_attempt() -> None:
    stage = Stage()
    async with stage.session() as client:
        ask_for(client, "attempts")
        client.say("go")
        told = await client.wait_for("antiphon.attempt.ended")
        done = await client.wait_for("response.done")
        assert told["response_id"] == done["response"]["id"]
        assert (told["model"], told["reason"], told["outcome"]) == ("scripted/llm", "first", "completed")
        assert told["input_tokens"] == 10
        assert 0 <= told["first_output_ms"] <= told["duration_ms"]


async def test_a_failed_attempt_says_why() -> None:
    broken = [(0.1, TextDelta("Well, ")), (0.1, ProviderError("overloaded", "Too busy."))]
    stage = Stage(llm=ScriptedLlm(broken))
    async with stage.session() as client:
        ask_for(client, "attempts")
        client.say("go")
        told = await client.wait_for("antiphon.attempt.ended")
        assert (told["outcome"], told["error"], told["estimated"]) == ("failed", "overloaded", True)


async def test_an_attempt_that_was_interrupted_is_told_as_cancelled() -> None:
    stage = Stage(
        llm=ScriptedLlm([(0.1, TextDelta("That is a long story. It ")), (99.0, TextDelta("ends."))])
    )
    async with stage.session() as client:
        ask_for(client, "attempts")
        client.say("go")
        await client.wait_for("response.output_audio.delta")
        client.send("response.cancel")
        told = await client.wait_for("antiphon.attempt.ended")
        assert told["outcome"] == "cancelled"
        assert told["output_tokens"] > 0


async def test_nobody_else_is_told() -> None:
    stage = Stage()
    async with stage.session() as client:
        client.say("go")
        await client.wait_for("response.done")
        ask_for(client)
        client.say("go on")
        await client.wait_for("response.done", 2)
        assert not [kind for kind in client.kinds if kind.startswith("antiphon.")]
