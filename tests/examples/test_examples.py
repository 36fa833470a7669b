"""Each example runs as its reader would run it, against the whole platform, and prints what it should."""

import asyncio
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.chromium import browser
from tests.examples.conftest import EXAMPLES, LANGUAGES
from tests.platform_fixture import free_port

AT_ONCE = 3  # more than cores, as they mostly wait for what is spoken
PATIENCE = 90  # seconds for one

SAID = "he was not an ill disposed young man"
SAID_NEXT = "he might even have been made amiable himself"
WEATHER = "agent: The temperature is eighteen degrees Celsius and the conditions are sunny."


@dataclass(frozen=True)
class Example:
    """`arguments` may name the files in the folder where it runs."""

    name: str
    arguments: tuple[str, ...]


TALKING = Example("voice_agent", ("speech.wav", "interruption.wav", "reply.wav"))
PUSHING = Example("push_to_talk", ("speech.wav",))
CALLING = Example("function_calling", ("What is the weather in Paris?",))
LISTENING = Example("transcription", ("speech.wav",))
ALLOWING = Example("moderation_gate", ("speech.wav", "old"))
REMOVING = Example("moderation_gate", ("speech.wav", "old", "young"))
FORGETTING = Example(
    "context_trimming",
    (
        "My name is Ada.",
        "What is my name?",
        "What is twelve times seven?",
        "Tell me a joke.",
        "What is my name?",
    ),
)
AGENT = Example("agents_sdk", CALLING.arguments)

RUNS = [
    (language, example)
    for example in (TALKING, PUSHING, CALLING, LISTENING, ALLOWING, REMOVING, FORGETTING)
    for language in LANGUAGES
] + [("javascript", AGENT)]

Started = dict[tuple[str, Example], Future[str]]

both = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="session")
def started(environment: dict[str, str], folders: dict[str, Path]) -> Iterator[Started]:
    """All of them, some beside each other, which saves most of their time."""

    def run(language: str, example: Example) -> str:
        suffix, interpreter = LANGUAGES[language]
        command = [interpreter, example.name + suffix, *example.arguments]
        done = subprocess.run(
            command,
            cwd=folders[language],
            env=environment,
            timeout=PATIENCE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {(language, example): pool.submit(run, language, example) for language, example in RUNS}
        pool.shutdown(cancel_futures=True)


@both
def test_a_voice_agent_answers_each_turn_and_can_be_talked_over(
    language: str, started: Started, folders: dict[str, Path]
) -> None:
    printed = started[language, TALKING].result()
    heard = re.findall("^you: (.*)", printed, re.MULTILINE)
    assert len(heard) == 2, printed
    assert words_in_common(heard[0], SAID) >= 5
    assert words_in_common(heard[1], SAID_NEXT) >= 6
    assert re.search(r"^\(you talk over it after [1-9]\d* ms\)", printed, re.MULTILINE), printed
    assert heard[1] in re.findall("^agent: (.*)", printed, re.MULTILINE)[-1], (
        "the stand-in repeats what it heard"
    )
    with wave.open(str(folders[language] / "reply.wav")) as reply:
        assert reply.getframerate() == 24_000
        assert reply.getnframes() > 24_000


@both
def test_push_to_talk(language: str, started: Started) -> None:
    printed = started[language, PUSHING].result()
    (heard,) = re.findall("^you: (.*)", printed, re.MULTILINE)
    assert words_in_common(heard, SAID) >= 5
    assert f"agent: I heard: {heard}" in printed
    (seconds,) = re.findall(r"^([\d.]+) s of speech received", printed, re.MULTILINE)
    assert float(seconds) > 1


@both
def test_function_calling(language: str, started: Started) -> None:
    assert started[language, CALLING].result().splitlines() == [
        'called: get_weather({"city": "Paris"})',
        WEATHER,
    ]


@both
def test_transcription_shows_the_words_while_they_are_spoken(language: str, started: Started) -> None:
    lines = started[language, LISTENING].result().splitlines()
    assert lines[-1].startswith("final: ")
    final = lines[-1].removeprefix("final: ")
    assert words_in_common(final, SAID) >= 5
    deltas = "".join(line.removeprefix("so far: ...") for line in lines[:-1])
    assert words_in_common(deltas, SAID) >= 5


@both
def test_a_moderation_gate_lets_a_turn_through(language: str, started: Started) -> None:
    heard, verdict, answer = started[language, ALLOWING].result().splitlines()
    assert words_in_common(heard, SAID) >= 5
    assert verdict == "backend: allowed"
    assert answer.startswith("agent: I heard: He was not")


@both
def test_a_moderation_gate_removes_a_turn(language: str, started: Started) -> None:
    heard, verdict = started[language, REMOVING].result().splitlines()
    assert words_in_common(heard, SAID) >= 5
    assert verdict == "backend: removed"


@both
def test_what_context_trimming_removed_is_forgotten(language: str, started: Started) -> None:
    answers = re.findall("^agent: (.*)", started[language, FORGETTING].result(), re.MULTILINE)
    assert answers[1] == "Your name is Ada."
    assert answers[4] == "You haven't told me your name yet. What is it?"


def test_an_agent_of_the_agents_sdk(started: Started) -> None:
    called, answer, audio = started["javascript", AGENT].result().splitlines()
    assert (called, answer) == ("called: get_weather(Paris)", WEATHER)
    assert float(audio.split()[0]) > 1


async def test_a_page_in_the_browser(environment: dict[str, str], folders: dict[str, Path]) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "There is no Chromium here: install it (on Debian: apt-get install chromium)."
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "browser" / "server.py", str(port), env=environment
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await listening(port)
            url = f"http://127.0.0.1:{port}/"
            async with browser(chromium, url, folders["python"] / "speech.wav") as page:
                await page.evaluate("document.querySelector('button').click()")
                written = str(
                    await page.wait_for("document.querySelector('li + li') && document.body.innerText")
                )
    finally:
        server.terminate()
        await server.wait()
    (heard,) = re.findall("^ *(?:[0-9.]+ *)?you: (.*)", written, re.MULTILINE)
    assert words_in_common(heard, SAID) >= 5
    assert f"agent: I heard: {heard}" in written


def test_the_gallery_lists_every_example_and_each_is_short() -> None:
    gallery = (EXAMPLES / "README.md").read_text()
    examples = [path for path in EXAMPLES.rglob("*.*") if path.suffix in (".py", ".mjs", ".html")]
    examples = [path for path in examples if "node_modules" not in path.parts]
    assert set(re.findall(r"\]\((\S+)\)", gallery)) == {str(path.relative_to(EXAMPLES)) for path in examples}
    assert not [path for path in examples if len(path.read_text().splitlines()) > 90]


async def listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return


def words_in_common(heard: str, said: str) -> int:
    return len(set(re.sub(r"[^a-z ]", " ", heard.lower()).split()) & set(said.split()))
