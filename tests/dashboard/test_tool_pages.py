"""The pages of tools: what each role can do there, and that nothing typed is lost and no secret shown."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.agents.services import agent_create, agent_save_draft
from apps.agents.spec import AgentSpec
from apps.core.tenancy import tenant_context
from apps.tools.models import Tool
from apps.tools.services import tool_create
from tests.cast import PASSWORD, Person, member_of

pytestmark = pytest.mark.django_db

SCHEMA = '{"type": "object", "properties": {"town": {"type": "string"}, "days": {"type": "integer"}}}'
SECRET = "a-secret-that-nobody-sees"


def browser(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


def make(person: Person, slug: str = "get_weather", kind: str = "http", **fields: Any) -> Tool:
    if kind != "client":
        fields = {"url": "https://1.1.1.1/weather", **fields}
    with tenant_context(person.tenant.id):
        return tool_create(slug=slug, kind=kind, **fields).tool


def tools_of(person: Person) -> list[Tool]:
    with tenant_context(person.tenant.id):
        return list(Tool.objects.all())


def typed(**fields: Any) -> dict[str, Any]:
    return {
        "slug": "get_weather",
        "description": "Tells the weather.",
        "parameters": SCHEMA,
        "url": "https://1.1.1.1/weather",
        "timeout_ms": 10_000,
        "max_response_bytes": 65_536,
        "header_name": ["X-Key", ""],
        "header_value": [SECRET, ""],
        **fields,
    }


def url(name: str, *args: object) -> str:
    return reverse(name, args=["acme", *args])


class TestMakingOne:
    def test_it_works(self, alice: Person) -> None:
        page = browser(alice).post(url("tool-new") + "?kind=http", typed()).content.decode()
        [tool] = tools_of(alice)
        assert (tool.slug, tool.description) == ("get_weather", "Tells the weather.")
        assert page.count("whsec_") >= 2  # the secret itself, and masked
        assert SECRET not in page

    def test_the_signing_secret_is_on_no_later_page(self, alice: Person) -> None:
        client = browser(alice)
        made = client.post(url("tool-new") + "?kind=http", typed()).content.decode()
        secret = made.split('data-copy="whsec_')[1].split('"')[0]
        later = client.get(url("tool", tools_of(alice)[0].id)).content.decode()
        assert secret not in later
        assert secret[-4:] in later

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"slug": "get weather"}, "Use up to 64 letters"),
            ({"parameters": '{"type": "string"}'}, "A function has named arguments"),
            ({"parameters": "{"}, "Line 1, column 2: this is no JSON"),
            ({"url": "https://10.0.0.5/"}, "OUTBOUND_ALLOW"),
            ({"timeout_ms": "70000"}, "at most 60000 ms"),
            ({"header_name": ["Host"], "header_value": ["x"]}, "can&#x27;t be set"),
        ],
    )
    def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
        self, alice: Person, wrong: dict[str, Any], said: str
    ) -> None:
        response = browser(alice).post(url("tool-new") + "?kind=http", typed(**wrong))
        page = response.content.decode()
        assert response.status_code == 422
        assert said in page
        assert "Tells the weather." in page
        assert SECRET not in page
        assert tools_of(alice) == []

    @pytest.mark.parametrize("kind", ["client", "http", "mcp"])
    def test_each_kind_has_its_form(self, alice: Person, kind: str) -> None:
        page = browser(alice).get(url("tool-new") + f"?kind={kind}").content.decode()
        assert ('name="url"' in page) == (kind != "client")
        assert ('name="parameters"' in page) == (kind != "mcp")
        assert ('name="allowed_tools"' in page) == (kind == "mcp")

    def test_there_are_no_other_kinds(self, alice: Person) -> None:
        assert browser(alice).get(url("tool-new") + "?kind=magic").status_code == 404


class TestChangingOne:
    def test_it_works(self, alice: Person) -> None:
        tool = make(alice, headers={"X-Key": SECRET})
        kept = {"header_name": ["X-Key"], "header_value": [""]}
        response = browser(alice).post(url("tool", tool.id), typed(description="Better.", **kept))
        assert response.status_code == 302
        [tool] = tools_of(alice)
        assert tool.description == "Better."
        with tenant_context(alice.tenant.id):
            assert [header.unseal_key() for header in tool.headers.all()] == [SECRET]

    def test_a_header_without_a_name_goes(self, alice: Person) -> None:
        tool = make(alice, headers={"X-Key": SECRET})
        browser(alice).post(url("tool", tool.id), typed(header_name=[""], header_value=[""]))
        with tenant_context(alice.tenant.id):
            assert not tool.headers.exists()

    def test_its_page_shows_no_secret(self, alice: Person) -> None:
        tool = make(alice, headers={"X-Key": SECRET})
        page = browser(alice).get(url("tool", tool.id)).content.decode()
        assert SECRET not in page
        assert "kept: …sees" in page

    def test_archiving_can_be_undone(self, alice: Person) -> None:
        tool, client = make(alice), browser(alice)
        page = client.post(url("tool-archive", tool.id), follow=True).content.decode()
        assert "get_weather is archived" in page
        assert url("tool-restore", tool.id) in page
        assert client.get(url("tool", tool.id)).status_code == 404
        client.post(url("tool-restore", tool.id))
        assert client.get(url("tool", tool.id)).status_code == 200

    def test_rotating_shows_the_new_secret_once(self, alice: Person) -> None:
        tool = make(alice)
        page = browser(alice).post(url("tool-rotate", tool.id)).content.decode()
        assert 'data-copy="whsec_' in page
        assert "signs too until" in page


class TestTheConsole:
    def test_a_tool_of_the_app_shows_what_the_app_gets(self, alice: Person) -> None:
        tool = make(alice, "show_map", "client", parameters=SCHEMA)
        page = browser(alice).post(url("tool-try", tool.id), {"argument-town": "Ulm"}).content.decode()
        assert "response.function_call_arguments.done" in page
        assert "Ulm" in page
        assert "function_call_output" in page

    def test_each_parameter_has_a_field(self, alice: Person) -> None:
        schema = (
            '{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]},"b":{"type":"boolean"},'
            '"c":{"type":"object"},"d":{"type":"number"}},"required":["a"]}'
        )
        tool = make(alice, "show_map", "client", parameters=schema)
        page = browser(alice).get(url("tool", tool.id)).content.decode()
        for name in "abcd":
            assert f'name="argument-{name}"' in page
        given = {"argument-a": '"x"', "argument-c": '{"e": [1]}', "argument-d": "1.5"}
        page = browser(alice).post(url("tool-try", tool.id), given).content.decode()
        for piece in ("x", "e", "1.5"):
            assert piece in page

    def test_arguments_that_are_wrong_are_said_and_kept(self, alice: Person) -> None:
        tool = make(alice, "show_map", "client", parameters=SCHEMA)
        given = {"argument-town": "Ulm", "argument-days": "many"}
        page = browser(alice).post(url("tool-try", tool.id), given).content.decode()
        assert "Enter a whole number." in page
        assert 'value="Ulm"' in page

    def test_a_server_that_can_not_be_reached_is_told_of(self, alice: Person, settings: Any) -> None:
        settings.OUTBOUND_ALLOW = ("127.0.0.1",)
        tool = make(alice, url="http://127.0.0.1:1/", headers={"X-Key": SECRET})
        page = browser(alice).post(url("tool-try", tool.id)).content.decode()
        assert "can&#x27;t be reached" in page
        assert "webhook-signature: v1," in page
        assert "X-Key: ***" in page
        assert SECRET not in page

    def test_an_mcp_server_that_can_not_be_reached_is_told_of(self, alice: Person, settings: Any) -> None:
        settings.OUTBOUND_ALLOW = ("127.0.0.1",)
        tool = make(alice, "docs", "mcp", url="http://127.0.0.1:1/")
        page = browser(alice).post(url("tool-try", tool.id)).content.decode()
        assert "can&#x27;t be reached" in page


class TestRoles:
    def test_a_viewer_sees_the_list_and_changes_nothing(self, alice: Person) -> None:
        tool = make(alice)
        client = browser(member_of(alice.tenant, "victor", "viewer"))
        page = client.get(url("tools"))
        assert page.status_code == 200
        assert "get_weather" in page.content.decode()
        assert "New tool" not in page.content.decode()
        for name in ("tool", "tool-try", "tool-rotate", "tool-archive", "tool-restore"):
            assert client.post(url(name, tool.id)).status_code == 403
        assert client.get(url("tool-new")).status_code == 403

    def test_a_developer_may_do_all_of_it(self, alice: Person, bob: Person) -> None:
        tool = make(alice)
        assert browser(bob).get(url("tool", tool.id)).status_code == 200
        assert browser(bob).post(url("tool-archive", tool.id)).status_code == 302

    def test_mallory_finds_nothing(self, alice: Person, mallory: Person) -> None:
        tool = make(alice)
        client = browser(mallory)
        assert client.get(url("tools")).status_code == 404
        assert client.get(reverse("tool", args=[mallory.tenant.slug, tool.id])).status_code == 404


def test_a_list_takes_as_many_queries_with_many_tools(
    alice: Person, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        make(alice, f"tool_{number}", "client")
    client = browser(alice)
    with django_assert_max_num_queries(12):
        client.get(url("tools"))


def test_the_list_says_which_agents_use_a_tool(alice: Person) -> None:
    make(alice)
    with tenant_context(alice.tenant.id):
        agent = agent_create(slug="desk", name="Front desk")
        agent_save_draft(agent=agent, spec=AgentSpec(tools=["get_weather"]), revision=0)
    page = browser(alice).get(url("tools")).content.decode()
    assert page.count("Front desk") == 2, "in its row, and in what archiving it would do"
