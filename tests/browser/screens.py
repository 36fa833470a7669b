"""Takes the pictures that the README and docs/tour.md show, of a platform that it starts for it: `make screens`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import HERE, launched, say, sign_in
from tests.browser.furnished import furnish
from tests.platform_fixture import DEAD_SERVER, PROJECT, Platform, running_platform

FOLDER = PROJECT / "docs/screens"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
PAGES = {
    "overview": "/demo/?days=30",
    "agent": "/demo/agents/front-desk/",
    "agent-compare": "/demo/agents/front-desk/compare",
    "tool": "/demo/tools/{tool_id}/",
    "router": "/demo/routers/main/",
    "sessions": "/demo/sessions/",
    "transcript": "/demo/sessions/{session_id}/transcript/",
    "latency": "/demo/sessions/{session_id}/latency/",
    "keys": "/demo/keys/",
    "team": "/demo/team/",
    "api-reference": "/docs/api",
}
LOOKS = {"overview-dark": (WIDE, "dark", "overview"), "sessions-narrow": (NARROW, "light", "sessions")}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_platform(DEAD_SERVER, Path(folder)) as platform:
        arguments = furnish(platform, sessions=900)
        with sync_playwright() as playwright, launched(playwright) as browser:
            with signed_in(browser.new_context(viewport=WIDE, device_scale_factor=1), platform) as page:
                talk(page, platform)
                for name, address in PAGES.items():
                    take(page, name, url(platform, address.format(**arguments)))
            for name, (size, scheme, shown) in LOOKS.items():
                context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)
                with signed_in(context, platform) as page:
                    take(page, name, url(platform, PAGES[shown].format(**arguments)))


@contextmanager
def signed_in(context: BrowserContext, platform: Platform) -> Iterator[Page]:
    with context:
        context.add_init_script(path=HERE / "speaker_at_the_microphone.js")
        sign_in(context, platform)
        yield context.new_page()


def talk(page: Page, platform: Platform) -> None:
    """A spoken question and a written one, with the embedded models."""
    page.goto(url(platform, "/demo/playground/"))
    page.evaluate("useSpokenMicrophone()")
    page.get_by_test_id("talk").click()
    expect(page.locator("#state")).to_have_text("Listening")
    say(page, "0930")
    expect(page.get_by_test_id("captions-agent")).to_contain_text("I heard:", timeout=30_000)
    page.get_by_test_id("text-input").fill("What is twelve times seven?")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("captions-agent")).to_contain_text("eighty-four", timeout=30_000)
    page.wait_for_timeout(1500)  # it speaks: the meters show it
    page.screenshot(path=FOLDER / "playground.png")
    page.get_by_test_id("stop").click()


def take(page: Page, name: str, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def url(platform: Platform, path: str) -> str:
    return f"http://127.0.0.1:{platform.port}{path}"


if __name__ == "__main__":
    main()
