"""A real Chromium before the running platform, signed in, with somebody to speak into its microphone.

A test fails when its page logs an error, throws, or does what the content security policy forbids.
"""

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from tests.platform_fixture import Platform
from tests.recordings import sentence

MICROPHONE_RATE = 48_000  # what Chromium's fake microphone wants
BEFORE_SPEECH, AFTER_SPEECH = 4.0, 120.0  # seconds of silence
PATIENCE_MS = 30_000
HERE = Path(__file__).parent
AXE = HERE.parents[1] / "apps/dashboard/frontend/node_modules/axe-core/axe.min.js"

NewPage = Callable[..., Page]


class Watched:
    """What went wrong in a page. A test that makes something go wrong says what with `expect`."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._seen.append(str(error)))

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self._seen if not any(re.search(each, text) for each in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._seen.append(message.text)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """For one module: while it runs it holds an event loop, and asynchronous tests have no room for theirs."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as browser:
        yield browser


@contextmanager
def launched(playwright: Playwright, speech: Path | None = None, again: bool = False) -> Iterator[Browser]:
    """With `speech`, a WAV file that its microphone hears when it is turned on: once, or again and again."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable, "There is no Chromium here: install it (on Debian: apt-get install chromium)."
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
    ]
    if speech is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={speech}{'' if again else '%noloop'}")
    browser = playwright.chromium.launch(executable_path=executable, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    assert not watched.unexpected


@pytest.fixture(scope="module")
def signed_in(browser: Browser, platform: Platform) -> str:
    """The demo's cookies, as Playwright keeps them: signing in is slow by purpose."""
    with browser.new_context() as context:
        sign_in(context, platform)
        state: str = str(platform.data_dir / "browser.json")
        context.storage_state(path=state)
        return state


def sign_in(context: BrowserContext, platform: Platform) -> None:
    """By the form, as the demo's user, whom the platform names when it starts."""
    pattern = re.compile(r"Sign in as (\S+) with the password (\S+)")
    (found,) = filter(None, map(pattern.search, platform.log))
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{platform.port}/demo/playground/")
    page.get_by_label(re.compile("e-?mail", re.IGNORECASE)).fill(found[1])
    page.get_by_label(re.compile("^password", re.IGNORECASE)).fill(found[2])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/demo/playground/")


@pytest.fixture
def new_page(browser: Browser, platform: Platform, signed_in: str, watched: Watched) -> Iterator[NewPage]:
    """Makes pages at a path of the platform, in contexts of their own; `options` are those of a context."""
    contexts: list[BrowserContext] = []

    def new(path: str, *, within: Browser = browser, origin: str = "", **options: object) -> Page:
        context = within.new_context(**{"storage_state": signed_in, **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(path=HERE / "speaker_at_the_microphone.js")
        page = context.new_page()
        watched.watch(page)
        page.goto((origin or f"http://127.0.0.1:{platform.port}") + path)
        return page

    yield new
    for context in contexts:
        context.close()


def say(page: Page, number: str) -> None:
    """The recorded sentence is spoken into the page's microphone. Returns once it has been said."""
    wav = io.BytesIO()
    soundfile.write(wav, sentence(number).samples, 16_000, format="WAV")
    page.evaluate("(wav) => window.say(wav)", base64.b64encode(wav.getvalue()).decode())


def recording(path: Path, number: str) -> Path:
    """The sentence as a file for Chromium's own fake microphone, spoken some seconds after it was turned on."""
    samples = soxr.resample(sentence(number).samples, 16_000, MICROPHONE_RATE)
    padded = np.concatenate([_silence(BEFORE_SPEECH), samples, _silence(AFTER_SPEECH)])
    soundfile.write(path, padded, MICROPHONE_RATE, subtype="PCM_16")
    return path


def serious_violations(page: Page, within: str = "html") -> list[str]:
    """What axe finds that keeps somebody from using the page: rule, and where."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("within => axe.run(within, { resultTypes: ['violations'] })", within)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def _silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(int(seconds * MICROPHONE_RATE), np.float32)
