"""What is left of a session into whose answer the user spoke: both voices where they were heard, what was heard in
writing, and a page on which the two are in step."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage, Watched, serious_violations
from tests.browser.conversation import FIRST, RATE, SECOND, Left, converse, place_of, samples_of, speech
from tests.platform_fixture import LONG_ANSWER, Platform
from tests.recordings import sentence

NEAR_MS = 50
NEAR = 0.15  # seconds, of a player

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def left(platform: Platform) -> Left:
    return converse(platform)


@pytest.fixture
def path(left: Left) -> str:
    return f"/demo/sessions/{left.talk.session_id}/transcript/"


@pytest.fixture
def page(path: str, new_page: NewPage) -> Page:
    """With the waveform drawn."""
    page = new_page(path)
    expect(page.locator("#recording[data-drawn]")).to_have_count(1)
    return page


def marked(page: Page) -> Locator:
    return page.locator("[data-in-step] > [aria-current=true]")


def seeks(page: Page, act: Callable[[], None]) -> float:
    """Where the sound went on, in seconds, by what `act` does; it sounds from there on when this returns."""
    page.evaluate(
        """() => {
            const audio = document.querySelector('#recording audio');
            window.sought = null;
            audio.addEventListener('seeked', () => (window.sought = audio.currentTime), { once: true });
        }"""
    )
    act()
    page.wait_for_function(
        """() => {
            const audio = document.querySelector('#recording audio');
            return window.sought !== null && !audio.paused && audio.currentTime > window.sought;
        }"""
    )
    at: float = page.evaluate("window.sought")
    return at


def test_the_user_is_left_where_they_spoke(left: Left) -> None:
    for number, at in left.talk.said_at.items():
        assert place_of(speech(number), left.sound[:, 0]) == pytest.approx(left.ms(at), abs=NEAR_MS)


def test_the_agent_is_right_where_it_was_heard_and_as_far(left: Left) -> None:
    (first, cut), (second, _) = left.talk.answers.items()
    began, ended = left.ms(left.talk.began_at[first]), left.ms(left.talk.cut_at[first])
    heard = samples_of(cut)[: int((ended - began - 200) / 1000 * RATE)]
    assert place_of(heard, left.sound[:, 1]) == pytest.approx(began, abs=NEAR_MS)
    again = left.ms(left.talk.began_at[second])
    between = left.sound[int((ended + 2 * NEAR_MS) * 24) : int((again - NEAR_MS) * 24), 1]
    assert np.abs(between).max() < 0.01
    start = samples_of(left.talk.answers[second])[:RATE]
    assert place_of(start, left.sound[:, 1]) == pytest.approx(again, abs=NEAR_MS)


def test_the_transcript_has_what_was_heard(left: Left) -> None:
    said = [entry for entry in left.entries if entry["kind"] in ("user", "assistant")]
    assert [entry["kind"] for entry in said] == ["user", "assistant", "user", "assistant"]
    first = next(iter(left.talk.answers))
    cut = said[1]
    assert cut["is_cut"]
    assert cut["text"] == left.talk.retrieved[first].strip()
    assert 0 < len(cut["text"]) < len(LONG_ANSWER)
    assert f"{cut['text']} {cut['unheard']}" in LONG_ANSWER
    ended = left.ms(left.talk.cut_at[first])
    assert cut["words"][-1][1] <= ended + NEAR_MS
    assert cut["start_ms"] == pytest.approx(left.ms(left.talk.began_at[first]), abs=NEAR_MS)
    for entry, number in ((said[0], FIRST), (said[2], SECOND)):
        spoken = left.ms(left.talk.said_at[number])
        assert spoken - NEAR_MS <= entry["start_ms"] < entry["end_ms"]
        heard = set(entry["text"].lower().rstrip(".").replace("-", " ").split())
        assert len(heard & set(sentence(number).text.split())) >= 5, entry["text"]


def test_the_waveform_and_the_transcript_line_up(left: Left) -> None:
    for entry in left.entries:
        channel = {"user": 0, "assistant": 1}[entry["kind"]]
        step = 1000 / left.peaks["per_second"]
        loud = np.array(
            left.peaks["channels"][channel][int(entry["start_ms"] / step) : int(entry["end_ms"] / step)]
        )
        assert (loud > 0.02).mean() > 0.5, entry


def test_it_is_there_within_seconds(left: Left) -> None:
    assert left.ready_after < 30


def test_the_waveform_has_both_sides_and_every_turn(page: Page, left: Left) -> None:
    drawn = page.evaluate(
        """() => [...document.querySelector('[data-waveform] > div').shadowRoot
            .querySelectorAll('.canvases canvas')].map((canvas) => {
                const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                return data.some((value) => value > 0);
            })"""
    )
    assert drawn.count(True) >= 2
    regions = page.evaluate(
        """() => [...document.querySelector('[data-waveform] > div').shadowRoot
            .querySelectorAll('[part~=region]')].map((region) => region.getBoundingClientRect().toJSON())"""
    )
    assert len(regions) == len(left.entries)
    tops = [round(region["top"]) for region in regions]
    assert tops[0] == tops[2] < tops[1] == tops[3]  # the user above the agent
    wave = page.locator("[data-waveform]").bounding_box()
    assert wave is not None
    duration = page.locator("#recording").get_attribute("data-duration")
    for region, entry in zip(regions, left.entries, strict=True):
        start = (region["left"] - wave["x"]) / wave["width"] * int(duration or 0)
        assert start == pytest.approx(entry["start_ms"], abs=150)


def test_a_line_that_is_clicked_is_heard_and_marked(page: Page, left: Left) -> None:
    for number in (2, 1, 3):
        line = page.locator("[data-in-step] > li").nth(number)
        at = seeks(page, line.locator(".transcript-words").click)
        assert at == pytest.approx(left.entries[number]["start_ms"] / 1000, abs=NEAR)
        expect(marked(page)).to_have_count(1)
        expect(line).to_have_attribute("aria-current", "true")


def test_the_marked_line_follows_what_is_heard(page: Page, left: Left) -> None:
    page.get_by_label("Speed").select_option("2×")
    seeks(page, page.get_by_role("button", name="Play from").nth(1).click)
    first, second = (page.locator("[data-in-step] > li").nth(number) for number in (1, 2))
    expect(first).to_have_attribute("aria-current", "true")
    expect(second).to_have_attribute("aria-current", "true")
    at = page.evaluate("document.querySelector('#recording audio').currentTime")
    assert left.entries[2]["start_ms"] / 1000 - NEAR <= at < left.entries[2]["end_ms"] / 1000
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_it_is_heard_without_a_mouse(page: Page) -> None:
    page.locator("body").press("ArrowRight")
    page.locator("body").press("ArrowRight")
    page.locator("body").press("ArrowLeft")
    expect(page.locator("[data-clock]")).to_contain_text("0:05 /")
    at = seeks(page, lambda: page.locator("body").press(" "))
    assert at == pytest.approx(5, abs=NEAR)
    page.locator("body").press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    position = page.get_by_role("slider", name="Position")
    position.press("Home")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:00 of 0:"))


def test_the_waveform_is_clicked_too(page: Page) -> None:
    wave = page.locator("[data-waveform]").bounding_box()
    assert wave is not None
    page.mouse.click(wave["x"] + wave["width"] / 2, wave["y"] + wave["height"] / 4)
    duration = int(page.locator("#recording").get_attribute("data-duration") or 0) / 1000
    at = seeks(page, page.get_by_role("button", name="Play", exact=True).click)
    assert at == pytest.approx(duration / 2, abs=NEAR)


def test_an_address_that_has_expired_is_asked_for_again(page: Page, watched: Watched) -> None:
    watched.expect("410")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/play/" in request.url else None)
    page.route("**/files/*", lambda route: route.fulfill(status=410, body="This link has expired."))
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="could not be loaded")).to_be_visible()
    page.unroute("**/files/*")
    seeks(page, page.get_by_role("button", name="Play from").nth(1).click)
    expect(page.get_by_role("alert").filter(has_text="could not be loaded")).to_be_hidden()
    assert len(asked) == 2


def test_its_sound_is_downloaded(page: Page, left: Left) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="Sound").click()
    assert download.value.suggested_filename == f"{left.talk.session_id}.ogg"


@pytest.mark.parametrize(("theme", "size"), [("light", (1280, 900)), ("dark", (390, 844))])
def test_it_is_for_everybody(
    path: str, new_page: NewPage, watched: Watched, theme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    page = new_page(path, color_scheme=theme, viewport=viewport)
    expect(page.locator("#recording[data-drawn]")).to_have_count(1)
    page.locator("[data-in-step] > li").nth(1).locator(".transcript-words").click()
    expect(marked(page)).to_have_count(1)
    assert not watched.unexpected
    watched.expect(
        "inline style|forbids inline: style-src-elem"
    )  # axe's, to look at the waveform's style sheet
    assert not serious_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
