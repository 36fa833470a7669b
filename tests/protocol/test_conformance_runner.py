"""The runner against small servers that are wrong in one way each, and its command line."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from antiphon.conformance.__main__ import CORPUS, main
from antiphon.conformance.audio import render
from antiphon.conformance.cases import Case, CaseError, load_case, load_cases
from antiphon.conformance.runner import LARGEST_FRAME, Server, run_case

Behaviour = Callable[[ServerConnection], Awaitable[None]]
CREATED = {"type": "session.created", "session": "@object"}
ADDED = {"type": "conversation.item.added", "item": {"id": "item_1"}}
PROJECT = Path(__file__).resolve().parents[2]


def a_case(*expected: dict[str, Any], steps: tuple[dict[str, Any], ...] = ()) -> Case:
    lines = tuple(enumerate(expected, start=1))
    return Case("000-made-up", "What it is about.", frozenset(), steps, lines, CORPUS / "clips")


def frame(kind: str, number: int = 1, **more: Any) -> str:
    return json.dumps({"type": kind, "event_id": f"event_{number}", **more})


async def answer_the_fence(socket: ServerConnection) -> None:
    async for received in socket:
        if "clear" in str(received):
            await socket.send(frame("input_audio_buffer.cleared", 999))


async def well_behaved(socket: ServerConnection) -> None:
    await socket.send(frame("session.created", session={}))
    await answer_the_fence(socket)


@asynccontextmanager
async def running(behaviour: Behaviour) -> AsyncIterator[Server]:
    async with serve(behaviour, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Server.at(f"ws://127.0.0.1:{port}/v1/realtime", "sk_key", "some/model", {})


async def problem_of(behaviour: Behaviour, case: Case, patience: float = 5) -> str | None:
    async with running(behaviour) as server:
        return (await run_case(case, server, patience)).problem


async def test_it_passes_a_server_that_does_what_is_expected() -> None:
    assert await problem_of(well_behaved, a_case(CREATED)) is None


async def test_it_connects_with_the_key_and_the_model() -> None:
    seen: list[str] = []

    async def look(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.extend([socket.request.path, socket.request.headers["Authorization"]])
        await well_behaved(socket)

    assert await problem_of(look, a_case(CREATED)) is None
    assert seen == ["/v1/realtime?model=some%2Fmodel", "Bearer sk_key"]


def sends(*frames: str | bytes) -> Behaviour:
    async def behaviour(socket: ServerConnection) -> None:
        for one in frames:
            await socket.send(one)
        await answer_the_fence(socket)

    return behaviour


GOOD = frame("session.created", session={})


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([GOOD, frame("conversation.created", 2)], "Nothing more was expected"),
        ([frame("error", error={})], "at type: expected"),
        ([frame("session.created")], "at session: is missing"),
        (["not json"], "is not JSON"),
        (["[]"], "not an object with a type"),
        (['{"event_id":"event_1"}'], "not an object with a type"),
        (['{"type":"session.created","session":{}}'], "without event_id"),
        ([frame("session.created", session={}).encode()], "binary frame"),
        ([frame("session.created", session={"instructions": "x" * LARGEST_FRAME})], "A frame of 10"),
    ],
)
async def test_it_fails_a_server_for(frames: list[str | bytes], problem: str) -> None:
    told = await problem_of(sends(*frames), a_case(CREATED))
    assert told is not None
    assert problem in told


async def test_it_fails_a_server_that_uses_an_event_id_twice() -> None:
    told = await problem_of(
        sends(GOOD, frame("rate_limits.updated")), a_case(CREATED, {"type": "rate_limits.updated"})
    )
    assert told is not None
    assert "event_1 came twice" in told


async def test_it_fails_a_server_that_stays_silent_and_says_what_was_missing() -> None:
    told = await problem_of(sends(), a_case(CREATED), patience=0.2)
    assert told is not None
    assert told.startswith("Nothing came in time. Expected line 1")


async def test_it_fails_a_server_that_cannot_be_reached() -> None:
    async with running(well_behaved) as server:
        pass
    outcome = await run_case(a_case(CREATED), server, 5)
    assert outcome.problem is not None
    assert "cannot be reached" in outcome.problem


async def test_a_close_is_something_to_expect() -> None:
    async def close(socket: ServerConnection) -> None:
        await socket.close(4000, "gone")

    assert await problem_of(close, a_case({"@close": 4000, "reason": "gone"})) is None
    for wrong in ({"@close": 3000}, {"@close": 4000, "reason": "other"}, CREATED):
        assert await problem_of(close, a_case(wrong)) is not None


async def test_a_close_that_was_not_expected_fails() -> None:
    async def close(socket: ServerConnection) -> None:
        await socket.send(GOOD)
        await socket.close(1011)

    told = await problem_of(close, a_case(CREATED, steps=({"@pause": 50},)))
    assert told is not None
    assert '"@close": 1011' in told


async def test_the_servers_ids_are_used_in_later_steps() -> None:
    async def behaviour(socket: ServerConnection) -> None:
        await socket.send(GOOD)
        await socket.send(frame("conversation.item.added", 2, item={"id": "8f2c"}))
        received = json.loads(await socket.recv())
        await socket.send(frame("conversation.item.deleted", 3, item_id=received["item_id"]))
        await answer_the_fence(socket)

    delete = {"type": "conversation.item.delete", "item_id": "item_1"}
    steps = ({"@wait": "conversation.item.added"}, delete)
    deleted = {"type": "conversation.item.deleted", "item_id": "item_1"}
    assert await problem_of(behaviour, a_case(CREATED, ADDED, deleted, steps=steps)) is None
    assert (
        await problem_of(behaviour, a_case(CREATED, ADDED, {**deleted, "item_id": "item_2"}, steps=steps))
        is not None
    )


async def test_what_was_matched_can_be_sent() -> None:
    async def behaviour(socket: ServerConnection) -> None:
        await socket.send(frame("session.created", session={"model": "a/b"}))
        received = json.loads(await socket.recv())
        await socket.send(frame("session.updated", 2, session=received["session"]))
        await answer_the_fence(socket)

    created = {"type": "session.created", "session": {"model": "@same:model"}}
    updated = {"type": "session.updated", "session": {"model": "a/b"}}
    steps = ({"@wait": "session.created"}, {"type": "session.update", "session": {"model": "{model}"}})
    assert await problem_of(behaviour, a_case(created, updated, steps=steps)) is None


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"@wiat": "x"}, "is no step"),
        ({"type": "x", "item_id": "item_7"}, "item_7 is used before"),
        ({"type": "x", "text": "{unknown}"}, "--set unknown=VALUE"),
        ({"@audio": [{"clip": "nothing"}]}, "nothing.flac"),
        ({"@audio": [{"beep": 1}]}, "is no audio"),
    ],
)
async def test_a_step_that_is_written_wrongly_is_told(step: dict[str, Any], told: str) -> None:
    async with running(well_behaved) as server:
        with pytest.raises(CaseError, match=told):
            await run_case(a_case(CREATED, steps=(step,)), server)


async def test_audio_becomes_append_events() -> None:
    received: list[Any] = []

    async def behaviour(socket: ServerConnection) -> None:
        await socket.send(GOOD)
        async for one in socket:
            received.append(json.loads(one))
            if "clear" in str(one):
                await socket.send(frame("input_audio_buffer.cleared", 999))

    steps = ({"@audio": [{"silence": 250}], "format": "audio/pcmu"},)
    assert await problem_of(behaviour, a_case(CREATED, steps=steps)) is None
    assert [len(base64.b64decode(event["audio"])) for event in received[:-1]] == [800, 800, 400]


@pytest.mark.parametrize(
    ("format", "rate", "size"),
    [
        ("audio/pcm", 0, 48_000),
        ("audio/pcm", 16_000, 32_000),
        ("audio/pcmu", 0, 8_000),
        ("audio/pcma", 0, 8_000),
    ],
)
def test_a_second_of_audio_in_every_format(format: str, rate: int, size: int) -> None:
    assert len(render([{"silence": 400}, {"tone": 600}], CORPUS / "clips", format, rate)) == size


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("input.jsonl", '{"type":"x"}\n', "must begin with a line that has '@about'"),
        ("input.jsonl", '{"@about":"x"}\nnot json\n', "line 2 is not JSON"),
        ("expected.jsonl", "[]\n", "line 1 must be a JSON object"),
    ],
)
def test_a_file_that_is_written_wrongly_is_told(tmp_path: Path, file: str, text: str, told: str) -> None:
    (tmp_path / "input.jsonl").write_text('{"@about":"x"}\n')
    (tmp_path / "expected.jsonl").write_text("")
    (tmp_path / file).write_text(text)
    with pytest.raises(CaseError, match=told):
        load_case(tmp_path)


def test_a_folder_without_cases_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="--cases"):
        load_cases(tmp_path)


async def command(server: Server, *arguments: str) -> int:
    return await asyncio.to_thread(main, [server.base, "--key", "sk_key", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cases: one that `well_behaved` passes, one that it fails, one that needs a value."""
    cases = {
        "001-passes": ('{"@about":"Begins."}\n', '{"type":"session.created"}\n'),
        "002-fails": ('{"@about":"Ends."}\n', '{"type":"session.ended"}\n'),
        "003-needs": ('{"@about":"Needs.","@requires":["voice"]}\n{"type":"x","a":"{voice}"}\n', ""),
    }
    for name, (steps, expected) in cases.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "input.jsonl").write_text(steps)
        (tmp_path / name / "expected.jsonl").write_text(expected)
    return tmp_path


async def test_the_command_reports_each_case_and_fails_if_one_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(well_behaved) as server:
        assert await command(server, "--cases", str(folder)) == 1
    printed = capsys.readouterr().out
    assert "ok   001-passes" in printed
    assert "FAIL 002-fails" in printed
    assert 'expected "session.ended", got "session.created"' in printed
    assert "skip 003-needs  needs voice" in printed
    assert "1 passed, 1 failed, 1 skipped" in printed


async def test_the_command_can_leave_out_what_a_server_need_not_have(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(well_behaved) as server:
        given = ("--cases", str(folder), "--only", "003", "--set", "voice=x")
        assert await command(server, *given, "--without", "voice") == 0
        assert "0 passed, 0 failed, 1 skipped" in capsys.readouterr().out
        await command(server, *given)
        assert "0 skipped" in capsys.readouterr().out, "with its value it is run"


async def test_the_command_can_choose_and_prints_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(well_behaved) as server:
        assert await command(server, "--cases", str(folder), "--only", "001", "--json") == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert [(case["name"], case["verdict"]) for case in cases] == [("001-passes", "ok")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "none-such"], "No case has none-such in its name.\n"),
        (["--set", "voice"], "--set takes NAME=VALUE, not 'voice'.\n"),
    ],
)
def test_the_command_says_what_is_wrong_with_its_arguments(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["http://127.0.0.1:9/v1", "--key", "sk_key", *arguments]) == 2
    assert capsys.readouterr().err == told


def test_the_runner_needs_no_web_framework() -> None:
    code = "import sys, antiphon.conformance.__main__; print([m for m in sys.modules if 'django' in m])"
    run = [sys.executable, "-c", code]
    printed = subprocess.run(run, cwd=PROJECT / "platform", capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
