"""Takes the pictures of the README and docs/tour.md: `make screens`. No test, but it needs all that tests have."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.browser.conftest import HERE, say, sign_in
from tests.browser.furnished import furnish
from tests.platform_fixture import PROJECT, Platform

FOLDER = PROJECT / "docs/screens"
WIDE: ViewportSize = {"width": 1280, "height": 800}
HIGH: ViewportSize = {"width": 1280, "height": 1240}
NARROW: ViewportSize = {"width": 390, "height": 780}
PAGES = {
    "overview": "/demo/?days=30",
    "agent": "/demo/agents/front-desk/",
    "agent-compare": "/demo/agents/front-desk/compare?before=1&after=2",
    "tool": "/demo/tools/{tool_id}/",
    "router": "/demo/routers/main/",
    "sessions": "/demo/sessions/",
    "transcript": "/demo/sessions/{session_id}/transcript/",
    "latency": "/demo/sessions/{session_id}/latency/",
    "analytics": "/demo/analytics/?period=30&by=version",
    "reports": "/demo/reports/",
    "webhook-delivery": "/demo/webhooks/deliveries/{delivery_id}/",
    "privacy": "/demo/privacy/",
    "usage": "/demo/usage/?period=30",
    "billing": "/demo/billing/",
    "limits": "/demo/limits/",
    "keys": "/demo/keys/",
    "team": "/demo/team/",
    "api-reference": "/docs/api",
}
LOOKS: dict[str, tuple[ViewportSize, Literal["light", "dark"], str]] = {
    "overview-dark": (WIDE, "dark", "overview"),
    "sessions-narrow": (NARROW, "light", "sessions"),
}


def test_the_pictures_are_taken(browser: Browser, platform: Platform) -> None:
    FOLDER.mkdir(exist_ok=True)
    arguments = furnish(platform, sessions=900, sound=True)
    with signed_in(browser.new_context(viewport=HIGH), platform) as page:
        talk(page, platform)
    with signed_in(browser.new_context(viewport=WIDE), platform) as page:
        for name, address in PAGES.items():
            take(page, name, url(platform, address.format(**arguments)))
    for name, (size, scheme, shown) in LOOKS.items():
        with signed_in(browser.new_context(viewport=size, color_scheme=scheme), platform) as page:
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
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=FOLDER / "playground.png")
    page.get_by_test_id("stop").click()


def take(page: Page, name: str, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def url(platform: Platform, path: str) -> str:
    return f"http://127.0.0.1:{platform.port}{path}"
