"""From signing up to an app that talks, as a newcomer does it: in a real browser, speaking into its microphone."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from django.urls import get_resolver, reverse
from openai import OpenAI
from openai.types.realtime import RealtimeErrorEvent, ResponseDoneEvent
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, Playwright, expect
from standardwebhooks import Webhook

from apps.api.v1.schema import described
from apps.dashboard.navigation import NAVIGATION
from apps.tenants.models import Role
from apps.tenants.roles import ALLOWED, May
from tests.browser.conftest import MICROPHONE_RATE, Watched, launched
from tests.browser.test_playground import wait_for_loudness, words_in_common, write
from tests.platform_fixture import Platform
from tests.recordings import sentence
from tests.tenancy.test_urls_hide_other_tenants import patterns
from tests.webhooks.receiver import receiving, status

PASSWORD = "correct horse battery"
SAID = ("0880", "he was not an ill disposed young man")
# The microphone hears the sentence again and again, with this much silence before and after it, in seconds.
BEFORE, AFTER = 4.0, 24.0
PATIENCE_MS = 30_000
OF_THE_TENANT = "The safe in the cellar opens with 4711."  # nobody else may ever read this
CODE = re.compile(r"[A-Z0-9]{4}-[A-Z0-9]{4}")
LINK = re.compile(r"http\S+/invitations/\S+")


@dataclass
class Visitor:
    """Somebody with a browser of their own, and with the mail that the platform sends them."""

    name: str
    page: Page
    platform: Platform
    _read: int = 0

    @property
    def address(self) -> str:
        return f"{self.name.lower()}@example.com"

    def go(self, path: str) -> None:
        self.page.goto(self.url(path))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.platform.port}{path}"

    def fill(self, **fields: str) -> None:
        for label, value in fields.items():
            self.page.get_by_label(re.compile(rf"^{label.replace('_', ' ')}\b", re.I)).first.fill(value)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).locator("visible=true").first.click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name).locator("visible=true").first.click()

    def mailed(self, pattern: re.Pattern[str]) -> str:
        """What of that pattern the next letter to them has."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            lines = self.platform.log
            start = next(
                (n for n in range(self._read, len(lines)) if lines[n] == f"To: {self.address}"), None
            )
            for number in range(start, len(lines)) if start is not None else ():
                if found := pattern.search(lines[number]):
                    self._read = number + 1
                    return found[0]
            time.sleep(0.1)
        raise AssertionError(f"No letter to {self.address} has {pattern.pattern}.")

    def sign_up(self) -> None:
        self.fill(Your_name=self.name, Password=PASSWORD)
        if (email := self.page.get_by_label("E-mail address")).is_editable():
            email.fill(self.address)
        self.press("Create the account")

    def verify(self) -> None:
        self.page.get_by_label(re.compile("code", re.I)).fill(self.mailed(CODE))
        self.press("Go on")

    def found(self, workspace: str, slug: str) -> None:
        self.fill(name=workspace)
        self.page.locator("[name=slug]").fill(slug)
        self.press("Make the workspace")
        self.page.wait_for_url(f"**/{slug}/")

    @property
    def areas(self) -> set[str]:
        """What their navigation leads to."""
        links = self.page.get_by_role("navigation", name="Tenant").get_by_role("link")
        return {text.strip() for text in links.all_inner_texts()}


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    samples = soxr.resample(sentence(SAID[0]).samples, 16_000, MICROPHONE_RATE)
    around = [np.zeros(int(seconds * MICROPHONE_RATE), np.float32) for seconds in (BEFORE, AFTER)]
    path = tmp_path / "microphone.wav"
    soundfile.write(path, np.concatenate([around[0], samples, around[1]]), MICROPHONE_RATE, subtype="PCM_16")
    return path


@pytest.fixture
def chromium(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
    with launched(playwright, microphone, again=True) as browser:
        yield browser


@pytest.fixture
def arrives(chromium: Browser, platform: Platform, watched: Watched) -> Iterator[Callable[[str], Visitor]]:
    contexts: list[BrowserContext] = []

    def arrive(name: str) -> Visitor:
        context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        watched.watch(page)
        return Visitor(name, page, platform)

    yield arrive
    for context in contexts:
        context.close()


def test_a_newcomer_comes_to_an_app_that_talks(arrives: Callable[[str], Visitor], platform: Platform) -> None:
    alice = arrives("Alice")
    alice.go("/")
    alice.follow("Create an account")
    alice.sign_up()
    alice.verify()
    alice.found("Harbour Hotel", "harbour")
    makes_an_agent(alice)
    talks_to_it(alice)
    session_id = looks_at_the_session(alice)
    hears_it_again(alice, session_id)
    makes_a_report(alice)
    key, key_id, endpoint = makes_a_key(alice)
    an_app_talks_to_it(endpoint, key, platform)
    is_told_of_it(alice)

    bob, bobs_id = somebody_joins(alice, arrives("Bob"))
    does_what_the_role_allows(bob, Role.VIEWER)
    gets_another_role(alice, bobs_id)
    does_what_the_role_allows(bob, Role.DEVELOPER)

    mallory = arrives("Mallory")
    mallory.go("/accounts/signup/")
    mallory.sign_up()
    mallory.verify()
    mallory.found("Elsewhere", "elsewhere")
    mallorys_key, _, _ = makes_a_key(mallory)
    things = {
        **makes_one_of_each_kind(alice, key),
        **subscribes(alice),
        "slug": "harbour",
        "agent_slug": "front-desk",
        "session_id": session_id,
        "key_id": key_id,
        "member_id": bobs_id,
        "number": "1",
    }
    no_page_shows_it(mallory, things)
    no_operation_shows_it(mallory, mallorys_key, things)


def makes_an_agent(alice: Visitor) -> None:
    page = alice.page
    alice.follow("Make an agent")
    alice.press("New agent")
    alice.page.get_by_role("dialog").get_by_label("Name", exact=True).fill("Front desk")
    alice.press("Make the agent")
    page.wait_for_url("**/harbour/agents/front-desk/")
    alice.fill(Instructions=f"You answer the telephone. {OF_THE_TENANT}")
    page.get_by_label("Record its sessions").check()
    alice.follow("Publish…")
    expect(page.get_by_text(OF_THE_TENANT)).to_be_visible()
    alice.press("Publish version 1")
    expect(page.get_by_role("row", name="1 Live")).to_be_visible()


def talks_to_it(alice: Visitor) -> None:
    """It writes down what she says, answers aloud, and is silent when she talks over it."""
    page = alice.page
    alice.go("/harbour/playground/?agent=front-desk")
    page.get_by_test_id("talk").click()
    wait_for_loudness(page, "user")
    wait_for_loudness(page, "agent")
    heard = page.get_by_test_id("captions-user").inner_text()
    assert words_in_common(heard, SAID[1]) >= 5, heard
    expect(page.get_by_test_id("captions-agent")).to_contain_text(re.compile(r"\w+"))

    write(page, "Count to two hundred.")
    cut = page.locator(".caption-agent[data-state=cut]").last
    expect(cut).to_contain_text("Interrupted", timeout=90_000)
    page.get_by_test_id("stop").click()
    expect(page.locator("#state")).to_have_text("Not connected")


def looks_at_the_session(alice: Visitor) -> str:
    page = alice.page
    alice.follow("Sessions")
    first = page.get_by_role("table").get_by_role("link", name=re.compile("^sess_")).first
    session_id = (first.get_attribute("href") or "").strip("/").rpartition("/")[2]
    first.click()
    expect(page.get_by_role("heading", name=session_id)).to_be_visible()
    expect(page.get_by_text("agent/front-desk").first).to_be_visible()
    alice.follow("Transcript")
    transcript = page.get_by_role("list", name="Transcript")
    expect(transcript).to_contain_text("Interrupted")
    expect(transcript).to_contain_text("Count to two hundred.")
    assert words_in_common(transcript.inner_text(), SAID[1]) >= 5
    for tab in ("Latency", "Cost", "Events"):
        alice.follow(tab)
        expect(page.get_by_role("heading", name=session_id)).to_be_visible()
    return session_id


def hears_it_again(alice: Visitor, session_id: str) -> None:
    page = alice.page
    alice.go(f"/harbour/sessions/{session_id}/transcript/")
    expect(page.locator("#recording[data-drawn]")).to_have_count(1, timeout=PATIENCE_MS)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.locator("[data-clock]")).not_to_contain_text("0:00 /", timeout=PATIENCE_MS)


def makes_a_report(alice: Visitor) -> None:
    page = alice.page
    alice.follow("Reports")
    alice.follow("Report of usage")
    page.get_by_label("Period").select_option("7")
    alice.press("Make it")
    row = page.get_by_role("row", name=re.compile("^Usage"))
    expect(row).to_contain_text("Ready", timeout=PATIENCE_MS)
    with page.expect_download() as downloading:
        row.get_by_role("link", name=re.compile("^Download")).click()
    assert "Front desk" in downloading.value.path().read_text()


def is_told_of_it(alice: Visitor) -> None:
    """By a webhook, whose signature her server can check."""
    page = alice.page
    alice.follow("Webhooks")
    alice.follow("Add an endpoint")
    with receiving() as server:
        server.usual = status(200, "Thank you.")
        alice.fill(Address=server.url)
        alice.press("Add the endpoint")
        alice.press("Reveal")
        secret = page.get_by_text(re.compile("^whsec_[^…]+$")).first.inner_text()
        alice.press("Send a test…")
        page.get_by_role("dialog", name="Send a test").get_by_role("button", name="Send it").click()
        expect(page.get_by_text("Thank you.").first).to_be_visible()
    got = next(each for each in server.got if each.data["data"].get("test"))
    assert Webhook(secret.strip()).verify(got.body, dict(got.headers)) == got.data
    alice.go("/harbour/webhooks/")
    alice.follow(server.url)
    alice.press("Disable…")
    page.get_by_role("dialog").get_by_role("button", name="Disable", exact=True).click()
    expect(page.get_by_text("It is disabled").first).to_be_visible()


def makes_a_key(somebody: Visitor) -> tuple[str, str, str]:
    """A key that may do everything, its id, and the base URL that the page shows with it."""
    page = somebody.page
    somebody.follow("API keys")
    somebody.follow("Make a key")
    somebody.fill(name="App")
    for scope in page.locator("[name=scopes]").all():
        scope.check()
    somebody.press("Make the key")
    key = page.get_by_test_id("new-key").inner_text()
    page.get_by_role("button", name="Copy the base URL", exact=True).click()
    endpoint = page.evaluate("navigator.clipboard.readText()")
    page.get_by_label("I saved it in a safe place").check()
    somebody.press("Done")
    edit = page.get_by_role("link", name="Edit App").get_attribute("href") or ""
    assert key not in page.content()
    return key, edit.strip("/").rpartition("/")[2], endpoint


def an_app_talks_to_it(endpoint: str, key: str, platform: Platform) -> None:
    """With OpenAI's own client, on the tenant's own endpoint, which takes no other tenant's key."""
    with OpenAI(base_url=endpoint, api_key=key).realtime.connect(model="agent/front-desk") as connection:
        connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is twelve times seven?"}],
            }
        )
        connection.response.create()
        done = next(event for event in connection if isinstance(event, ResponseDoneEvent))
    assert done.response.status == "completed"
    (message,) = done.response.output or []
    assert message.type == "message"
    assert "eighty-four" in (message.content[0].transcript or "")
    other = OpenAI(base_url=endpoint, api_key=platform.api_key)
    with other.realtime.connect(model="agent/front-desk") as connection:
        refusal = connection.recv()
    assert isinstance(refusal, RealtimeErrorEvent)
    assert refusal.error.code == "invalid_api_key"


def somebody_joins(alice: Visitor, bob: Visitor) -> tuple[Visitor, str]:
    """Bob, and the id of his membership."""
    alice.follow("Team")
    alice.press("Invite")
    dialog = alice.page.get_by_role("dialog")
    dialog.get_by_label(re.compile("e-?mail", re.I)).fill(bob.address)
    dialog.get_by_label("Role").select_option("viewer")
    alice.press("Send the invitation")
    bob.page.goto(bob.mailed(LINK))
    bob.follow("Create an account")
    bob.sign_up()
    bob.press("Join Harbour Hotel")
    bob.page.wait_for_url("**/harbour/")
    alice.go("/harbour/team/")
    remove = alice.page.get_by_role("row", name=re.compile("Bob")).get_by_text("Remove…")
    return bob, (remove.get_attribute("data-opens") or "").removeprefix("remove-")


def gets_another_role(alice: Visitor, bobs_id: str) -> None:
    page = alice.page
    page.get_by_role("row", name=re.compile("Bob")).get_by_text("Change role…").click()
    page.locator(f"#role-{bobs_id}").get_by_label("Role").select_option("developer")
    page.locator(f"#role-{bobs_id}").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=re.compile("Bob"))).to_contain_text("Developer")


def does_what_the_role_allows(somebody: Visitor, role: Role) -> None:
    """The navigation has what may be seen, and what may not is refused also to who knows its address."""
    page = somebody.page
    somebody.go("/harbour/")
    assert somebody.areas == {entry.label for entry in NAVIGATION if entry.permission in ALLOWED[role]}
    for entry in NAVIGATION:
        answer = page.request.get(somebody.url(reverse(entry.url_name, args=["harbour"])))
        assert answer.status == (200 if entry.permission in ALLOWED[role] else 403), entry.label
    somebody.go("/harbour/agents/")
    assert page.get_by_role("button", name="New agent").count() == (May.BUILD in ALLOWED[role])
    somebody.go("/harbour/keys/")
    assert page.get_by_role("link", name="Edit App").count() == (May.CONNECT in ALLOWED[role])
    may_build = 200 if May.BUILD in ALLOWED[role] else 403
    assert posted(somebody, reverse("agents", args=["harbour"]), name="Bob's").status == may_build
    assert posted(somebody, reverse("tenant-delete", args=["harbour"]), typed="harbour").status == 403


def posted(somebody: Visitor, path: str, **form: str) -> APIResponse:
    """As the browser would, cookies and all. What follows is followed."""
    cookies = {cookie.get("name"): cookie.get("value") for cookie in somebody.page.context.cookies()}
    token = next(value or "" for name, value in cookies.items() if name and name.endswith("csrftoken"))
    return somebody.page.request.post(
        somebody.url(path),
        form={**form, "csrfmiddlewaretoken": token},
        headers={"Referer": somebody.url("/")},
    )


def makes_one_of_each_kind(alice: Visitor, key: str) -> dict[str, str]:
    """What else addresses name, by the management API; and the ids that the pages have for it."""

    def make(method: str, path: str, body: Mapping[str, object]) -> dict[str, str]:
        answer = alice.page.request.fetch(
            alice.url(f"/api/v1{path}"),
            method=method,
            data=dict(body),
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.ok, answer.text()
        made: dict[str, str] = answer.json()
        return made

    def shown(path: str, pattern: str) -> str:
        found = re.search(pattern, alice.page.request.get(alice.url(path)).text())
        assert found, path
        return found[1]

    uuid = "([0-9a-f]{8}-[0-9a-f-]{27})"
    make("POST", "/tools", {"slug": "get_room", "kind": "client"})
    router = {"kind": "speech_to_text", "models": ["local/whisper-base"]}
    make("PUT", "/routers/harbour-router", {"definition": router})
    make("PUT", "/provider-credentials/groq", {"key": "gsk_of_the_harbour"})
    make("POST", "/invitations", {"email": "carol@example.com", "role": "viewer"})
    make("POST", "/customers", {"external_id": "globex", "name": "Globex"})
    make("POST", "/customers/globex/statements", {"month": "2026-01"})
    budget = make("POST", "/budgets", {"amount_micro": 50_000_000})
    days = {"kind": "cost", "first": "2026-06-01", "last": "2026-06-30"}
    report = make("POST", "/reports", days)
    schedule = make("POST", "/report-schedules", {"kind": "cost", "name": "Harbour Hotel's cost"})
    make("POST", "/webhooks", {"url": "https://hooks.harbour.example/in"})
    endpoint_id = shown("/harbour/webhooks/", f"/harbour/webhooks/{uuid}/")
    erasure = make("POST", "/erasures", {"identifier": "somebody of the harbour"})
    export = make("POST", "/exports", {})
    delivery = make("POST", f"/webhooks/{endpoint_id}/test", {"type": "session.ended"})
    alice.go("/harbour/analytics/?period=7")
    alice.page.locator("summary", has_text="Views").click()
    alice.press("Save this view…")
    dialog = alice.page.get_by_role("dialog", name="Save this view")
    dialog.get_by_label("Name", exact=True).fill("This week")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(alice.page.locator("summary", has_text="This week")).to_be_visible()
    return {
        "endpoint_id": endpoint_id,
        "delivery_id": delivery["id"],
        "budget_id": budget["id"],
        "erasure_id": erasure["id"],
        "export_id": export["id"],
        "report_id": report["id"],
        "schedule_id": schedule["id"],
        "view_id": shown("/harbour/analytics/views/", f"/harbour/analytics/views/{uuid}/"),
        "name": "harbour-router",
        "router_name": "harbour-router",
        "external_id": "globex",
        "month": "2026-01",
        "provider": "groq",
        "tool_id": shown("/harbour/tools/", f"/harbour/tools/{uuid}/"),
        "row_id": shown("/harbour/providers/", f"/harbour/providers/{uuid}/"),
        "invitation_id": shown("/harbour/team/", f"/harbour/team/invitations/{uuid}/"),
    }


def subscribes(alice: Visitor) -> dict[str, str]:
    """Pays for a plan with a card that works, where no money moves, and reads the invoice."""
    page = alice.page
    alice.go("/harbour/billing/plans/")
    alice.press("Choose Pro")
    page.wait_for_url("**/fake-stripe/checkout/**")
    alice.press("Subscribe")
    page.wait_for_url("**/harbour/billing/**")
    invoices = page.get_by_role("table", name="Invoices")
    expect(invoices.get_by_text("Paid")).to_be_visible(timeout=PATIENCE_MS)
    invoices.get_by_role("link").first.click()
    expect(page.get_by_role("table", name="Lines")).to_contain_text("Pro")
    invoice_id = re.findall(r"/invoices/([^/]+)/", page.url)[0]
    alice.go("/harbour/billing/statement/")
    page.get_by_role("link", name=re.compile("Explain")).first.click()
    page.wait_for_url("**/statement/*-*/")
    return {
        "invoice_id": invoice_id,
        "line_id": "1",
        "transaction_id": page.url.rstrip("/").rpartition("/")[2],
    }


def no_page_shows_it(mallory: Visitor, things: Mapping[str, str]) -> None:
    """Every page of a tenant, in the tenant's address and in Mallory's own."""
    pages = [pattern for pattern in patterns(get_resolver()) if "slug" in pattern.pattern.converters]
    assert len(pages) > 60
    for pattern in pages:
        arguments = {name: things[name] for name in pattern.pattern.converters}
        addresses = [reverse(pattern.name, kwargs=arguments)]
        if len(arguments) > 1:
            addresses.append(reverse(pattern.name, kwargs={**arguments, "slug": "elsewhere"}))
        for address in addresses:
            for answer in (mallory.page.request.get(mallory.url(address)), posted(mallory, address)):
                assert answer.status in (404, 405), address
                assert OF_THE_TENANT not in answer.text()


def no_operation_shows_it(mallory: Visitor, key: str, things: Mapping[str, str]) -> None:
    """Every operation of the management API, with Mallory's key and the tenant's things."""
    operations = [(method, path) for path, methods in described()["paths"].items() for method in methods]
    assert len(operations) > 40
    for method, path in operations:
        arguments = {**things, "slug": "front-desk" if "/agents/" in path else "get_room"}
        answer = mallory.page.request.fetch(
            mallory.url(path.format(**arguments)),
            method=method.upper(),
            data={},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status < 500
        assert "{" not in path or answer.status in (404, 422), (method, path)
        for secret in (OF_THE_TENANT, "Harbour", things["session_id"], things["key_id"], things["member_id"]):
            assert secret not in answer.text(), (method, path)
