"""Clients and models that misbehave: the right event or close code, nothing left behind, nobody else disturbed."""

import asyncio
import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import connect

from tests.conformance.talker import Talker
from tests.platform_fixture import PROJECT, Platform, free_port

MEBIBYTE = 1 << 20


def say(text: str) -> list[str]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return [json.dumps({"type": "conversation.item.create", "item": item}), '{"type":"response.create"}']


async def settles_at(measure: Any, most: int) -> None:
    """Waits until a figure has come down."""
    async with asyncio.timeout(20):
        while measure() > most:  # noqa: ASYNC110  it is another process that brings it down
            await asyncio.sleep(0.1)


async def rests(process: psutil.Process) -> None:
    """Waits until it has nothing to do: ten voices whose clients have gone take 50 MiB, and seconds."""
    async with asyncio.timeout(30):
        used = -1.0
        while (now := process.cpu_times().user) - used > 0.05:
            used = now
            await asyncio.sleep(0.5)


async def test_clients_that_vanish_leave_no_socket_behind(platform: Platform) -> None:
    async with Talker(platform, "local/dialogue") as witness:
        await witness.wait_for("session.created")
        before = platform.web.num_fds()
        for _ in range(10):
            connection = await connect(
                platform.socket(f"?model={platform.paced_model}"), additional_headers=platform.headers
            )
            for frame in say("Talk for a while."):
                await connection.send(frame)
            while "response.output_audio.delta" not in str(await connection.recv()):
                pass
            connection.transport.abort()
        # A session that waits for its client talks on; then its connection to the model's server is kept.
        await settles_at(platform.web.num_fds, before + 10)
        await witness.say("Please repeat after me: still here")
        done = await witness.wait_for("response.done")
        assert "still here" in done.response.output[0].content[0].transcript.lower()


async def test_a_client_that_does_not_read_is_not_read_either_and_disturbs_nobody(platform: Platform) -> None:
    web = platform.web
    frame, _ = say("all work and no play makes Jack a dull boy. " * 400)
    async with Talker(platform, "local/dialogue") as witness:
        await witness.wait_for("session.created")
        await rests(web)
        before = web.memory_info().rss
        connection = await connect(platform.socket(), additional_headers=platform.headers, max_queue=1)
        connection.transport.pause_reading()
        taken = 0
        with contextlib.suppress(TimeoutError):
            for taken in range(5000):  # noqa: B007  90 MB, and twice that in events about it
                await asyncio.wait_for(connection.send(frame), 2)
        assert taken < 4999, "the server stops reading from a client that does not read"
        assert web.memory_info().rss - before < 40 * MEBIBYTE
        await witness.say("Please repeat after me: not disturbed")
        done = await witness.wait_for("response.done")
        assert "not disturbed" in done.response.output[0].content[0].transcript.lower()
        connection.transport.abort()


async def test_a_dead_voice_fails_the_response_and_another_one_works(platform: Platform) -> None:
    async with Talker(platform, "local/dialogue") as talker:
        await set_audio(talker, output={"model": platform.dead_voice})
        await talker.say("Hello.")
        done = await talker.wait_for("response.done")
        assert done.response.status == "failed"
        assert done.response.status_details.error.code == "provider_unreachable"
        await set_audio(talker, output={"model": "local/piper-joe"})
        await talker.say("Hello again.")
        done = await talker.wait_for("response.done", 2)
        assert done.response.status == "completed"


async def test_a_dead_recogniser_fails_the_transcription_and_the_session_goes_on(
    platform: Platform, speech: dict[str, Path]
) -> None:
    async with Talker(platform, "local/dialogue") as talker:
        await set_audio(talker, input={"transcription": {"model": platform.dead_recogniser}})
        await talker.play(list(speech.values())[1])
        failed = await talker.wait_for("conversation.item.input_audio_transcription.failed")
        assert failed.error.code == "provider_unreachable"
        done = await talker.wait_for("response.done")
        assert done.response.status == "failed"
        await talker.say("Hello.")
        assert (await talker.wait_for("response.done", 2)).response.status == "completed"


async def test_models_that_only_others_have_become_the_default_and_are_shown_as_asked_for(
    platform: Platform,
) -> None:
    async with Talker(platform, "gpt-realtime") as talker:
        await set_audio(
            talker,
            input={"transcription": {"model": "gpt-4o-mini-transcribe"}},
            output={"model": "inworld-tts-1.5-max", "voice": "marin"},
        )
        updated = await talker.wait_for("session.updated")
        assert updated.session.audio.input.transcription.model == "gpt-4o-mini-transcribe"
        assert updated.session.audio.output.voice == "marin"
        await talker.say("Hello.")
        assert (await talker.wait_for("response.done")).response.status == "completed"


async def test_daphne_serves_a_conversation_under_runserver(platform: Platform, tmp_path: Path) -> None:
    port = free_port()
    env = {name: value for name, value in platform.web.environ().items() if name != "PORT"}
    command = [sys.executable, str(PROJECT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
    log = (tmp_path / "log").open("w")
    server = psutil.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        await answers_at(port)
        there = replace(platform, base_url=f"http://127.0.0.1:{port}/v1")
        async with Talker(there, "local/dialogue") as talker:
            await talker.say("What is two plus two?")
            done = await talker.wait_for("response.done")
            assert done.response.status == "completed"
            assert talker.audio()
    finally:
        server.terminate()
        server.wait(20)
        log.close()


async def answers_at(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.2)
            else:
                writer.close()
                return


async def set_audio(talker: Talker, **audio: Any) -> None:
    """`audio.output.model` is ours: the official client's types do not have it, its wire does."""
    await talker.send.send({"type": "session.update", "session": {"type": "realtime", "audio": audio}})  # type: ignore[arg-type, misc]
