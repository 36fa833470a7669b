"""The registry of a tenant's tools: what can be put there, what sessions get of it, and what is kept secret."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from antiphon.protocol.session import FunctionTool, McpTool
from apps.audit.models import AuditEvent
from apps.core.tenancy import tenant_context
from apps.credentials.rotation import secrets_rotate
from apps.tools.models import SigningSecret, Tool, ToolHeader
from apps.tools.selectors import http_tool, runners_of, session_tools, tool_list
from apps.tools.services import (
    signing_secret_rotate,
    tool_archive,
    tool_create,
    tool_restore,
    tool_update,
)
from tests.cast import Person

pytestmark = pytest.mark.django_db

WEATHER = (
    '{"type":"object","properties":{"town":{"type":"string"},"days":{"type":"integer"}},"required":["town"]}'
)
SECRET = "a-secret-that-nobody-sees"


@pytest.fixture(autouse=True)
def as_alice(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def put_http(slug: str = "get_weather", **fields: Any) -> Tool:
    given: dict[str, Any] = {"url": "https://1.1.1.1/weather", "parameters": WEATHER, **fields}
    return tool_create(slug=slug, kind="http", **given).tool


def put_mcp(slug: str = "docs", **fields: Any) -> Tool:
    return tool_create(slug=slug, kind="mcp", url="https://1.1.1.1/mcp", **fields).tool


def problem(refused: pytest.ExceptionInfo[ValidationError], field: str) -> str:
    return " ".join(refused.value.message_dict[field])


class TestWhatSessionsGet:
    def test_it_works(self) -> None:
        tool_create(slug="show_map", kind="client", description="Shows a map.", parameters=WEATHER)
        put_http()
        put_mcp(headers={"Authorization": f"Bearer {SECRET}"}, allowed_tools=["search"])
        shown, weather, docs = session_tools(["show_map", "get_weather", "docs"])
        assert shown == FunctionTool(
            name="show_map", description="Shows a map.", parameters=json.loads(WEATHER)
        )
        assert isinstance(weather, FunctionTool)
        assert weather.name == "get_weather"
        assert docs == McpTool(
            server_label="docs",
            server_url="https://1.1.1.1/mcp",
            headers={"Authorization": f"Bearer {SECRET}"},
            allowed_tools=["search"],
            require_approval="never",
        )

    def test_parameters_keep_their_order(self) -> None:
        put_http(parameters='{"type":"object","properties":{"z":{},"a":{},"m":{}}}')
        [tool] = session_tools(["get_weather"])
        assert isinstance(tool, FunctionTool)
        assert list((tool.parameters or {})["properties"]) == ["z", "a", "m"]

    def test_a_phrase_is_part_of_the_description(self) -> None:
        put_http(description="Tells the weather.", speak_while_running="One moment.")
        [tool] = session_tools(["get_weather"])
        assert isinstance(tool, FunctionTool)
        assert tool.description == (
            'Tells the weather.\nBefore you call this function, say this to the user: "One moment."'
        )

    def test_those_that_are_unknown_or_archived_are_named(self) -> None:
        tool_archive(tool=put_http("old"))
        with pytest.raises(ValidationError) as refused:
            session_tools(["old", "nothing"])
        said = problem(refused, "tools")
        assert "The tool 'old' is archived: restore it" in said
        assert "There is no tool called 'nothing'" in said

    def test_another_tenants_are_unknown(self, mallory: Person) -> None:
        put_http()
        with tenant_context(mallory.tenant.id):
            assert runners_of(["get_weather"]) == {}
            with pytest.raises(ValidationError, match="There is no tool"):
                session_tools(["get_weather"])

    def test_only_http_tools_are_run_by_the_platform(self) -> None:
        tool_create(slug="show_map", kind="client")
        put_http(timeout_ms=2500, headers={"X-Key": SECRET})
        runners = runners_of(["show_map", "get_weather", "of_the_app"])
        assert list(runners) == ["get_weather"]
        tool = runners["get_weather"]
        assert (tool.url, tool.timeout, tool.headers) == (
            "https://1.1.1.1/weather",
            2.5,
            (("X-Key", SECRET),),
        )
        assert [secret[:6] for secret in tool.signing_secrets] == ["whsec_"]


class TestRefusals:
    @pytest.mark.parametrize("slug", ["", "get weather", "wetter.de", "ä", "x" * 65])
    def test_a_name_that_models_do_not_take(self, slug: str) -> None:
        with pytest.raises(ValidationError) as refused:
            tool_create(slug=slug, kind="client")
        assert "slug" in refused.value.message_dict

    def test_a_name_that_is_taken(self) -> None:
        put_http()
        with pytest.raises(ValidationError, match="Another tool has this name"):
            tool_create(slug="get_weather", kind="client")

    @pytest.mark.parametrize(
        ("parameters", "said"),
        [
            ("", "Line 1, column 1: this is no JSON"),
            ('{"type":', "Line 1, column 9: this is no JSON"),
            ('{"type":"string"}', "A function has named arguments"),
            ('{"type":"object","properties":[]}', "properties must be an object"),
            ('{"type":"object","properties":{"a":{"type":"text"}}}', 'a: "text" is no type: choose one of'),
            ('{"type":"object","properties":{"a":3}}', "a: describe it by an object"),
            ('{"type":"object","properties":{"a":{"enum":[]}}}', "a: enum must be a list of at least one"),
            ('{"type":"object","required":["b"]}', "b is required but not among the properties"),
            (
                '{"type":"object","properties":{"a":{"type":"object","required":["b"]}}}',
                "a: b is required but not among",
            ),
            (
                '{"type":"object","properties":{"a":{"type":"array","items":{"type":"row"}}}}',
                'a[]: "row" is no type',
            ),
            ('{"type":"object","properties":{"a":{"anyOf":[]}}}', "a: anyOf must be a list of schemas"),
            ('{"type":"object","properties":{"a":{"description":1}}}', "a: the description must be text"),
            ('{"type":"object","a":' + '{"a":' * 200_000, "The schema has"),
            ('{"type":"object","a":' + "[" * 5_000, "nested too deeply"),
        ],
    )
    def test_a_schema_that_models_do_not_take(self, parameters: str, said: str) -> None:
        with pytest.raises(ValidationError) as refused:
            put_http(parameters=parameters)
        assert said in problem(refused, "parameters")

    def test_everything_that_is_wrong_with_a_schema_is_said_at_once(self) -> None:
        with pytest.raises(ValidationError) as refused:
            put_http(parameters='{"type":"object","properties":{"a":{"type":"x"}},"required":["b"]}')
        assert len(refused.value.message_dict["parameters"]) == 2

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"url": ""}, "url", "Say where the tool is"),
            ({"url": "http://1.1.1.1/"}, "url", "only be reached over https"),
            ({"url": "https://10.0.0.5/"}, "url", "OUTBOUND_ALLOW"),
            ({"url": "https://localhost/"}, "url", "not on the public internet"),
            ({"url": "https://a:b@1.1.1.1/"}, "url", "send them in a header"),
            ({"timeout_ms": 60_001}, "timeout_ms", "at most 60000 ms"),
            ({"timeout_ms": 5}, "timeout_ms", "at least 100 ms"),
            ({"max_response_bytes": 2 << 20}, "max_response_bytes", "at most 1048576 bytes"),
            ({"headers": {"Host": "x"}}, "headers", "can't be set"),
            ({"headers": {"Webhook-Id": "x"}}, "headers", "every call has its own"),
            ({"headers": {"X-A": "b\r\nX-C: d"}}, "headers", "one line"),
            ({"headers": {"X-A": "1", "x-a": "2"}}, "headers", "twice"),
            ({"headers": {"X-A": ""}}, "headers", "needs a value"),
            ({"headers": {"X-A": None}}, "headers", "needs a value"),
            ({"headers": {f"X-{n}": "1" for n in range(17)}}, "headers", "at most 16"),
        ],
    )
    def test_what_a_call_could_not_be_made_with(self, fields: dict[str, Any], field: str, said: str) -> None:
        with pytest.raises(ValidationError) as refused:
            put_http(**fields)
        assert said in problem(refused, field)
        assert not tool_list().exists()

    def test_an_address_for_a_tool_of_the_app(self) -> None:
        with pytest.raises(ValidationError, match="leave the address out"):
            tool_create(slug="a", kind="client", url="https://1.1.1.1/")


class TestChanges:
    def test_it_works(self) -> None:
        tool = tool_update(tool=put_http(), description="Better.", timeout_ms=500)
        assert (tool.description, tool.timeout_ms) == ("Better.", 500)
        event = AuditEvent.objects.get(action="tool.updated")
        assert event.after == {"description": "Better.", "timeout_ms": 500}

    def test_headers_keep_their_values_or_get_new_ones_or_go(self) -> None:
        tool = put_http(headers={"X-A": "first-value", "X-B": "second-value", "X-C": "third-value"})
        tool_update(tool=tool, headers={"X-A": None, "X-B": "another-value"})
        assert http_tool(tool).headers == (("X-A", "first-value"), ("X-B", "another-value"))

    def test_a_value_does_not_go_to_another_server(self) -> None:
        tool = put_http(headers={"X-A": SECRET})
        with pytest.raises(ValidationError, match="enter the values of its headers again"):
            tool_update(tool=tool, url="https://1.0.0.1/weather")
        assert tool_update(tool=tool, url="https://1.1.1.1/elsewhere").url == "https://1.1.1.1/elsewhere"

    def test_an_archived_one_comes_back(self) -> None:
        tool = put_http()
        tool_archive(tool=tool)
        assert not tool_list().exists()
        tool_restore(tool=tool)
        assert tool_list().get() == tool

    def test_it_does_not_come_back_when_its_name_is_taken(self) -> None:
        tool = put_http()
        tool_archive(tool=tool)
        put_http()
        with pytest.raises(ValidationError, match="Another tool has this name"):
            tool_restore(tool=tool)


class TestSigningSecrets:
    def test_it_works(self) -> None:
        created = tool_create(slug="a", kind="http", url="https://1.1.1.1/")
        assert http_tool(created.tool).signing_secrets == (created.signing_secret,)

    def test_after_a_rotation_both_sign_until_the_old_one_expires(self) -> None:
        created = tool_create(slug="a", kind="http", url="https://1.1.1.1/")
        second = signing_secret_rotate(tool=created.tool)
        assert http_tool(created.tool).signing_secrets == (second, created.signing_secret)
        SigningSecret.objects.exclude(expires_at=None).update(expires_at=timezone.now())
        assert http_tool(created.tool).signing_secrets == (second,)

    def test_no_more_than_two_sign(self) -> None:
        created = tool_create(slug="a", kind="http", url="https://1.1.1.1/")
        second = signing_secret_rotate(tool=created.tool)
        third = signing_secret_rotate(tool=created.tool, overlap=timedelta(minutes=1))
        assert http_tool(created.tool).signing_secrets == (third, second)

    def test_a_tool_of_the_app_has_none(self) -> None:
        tool = tool_create(slug="a", kind="client").tool
        with pytest.raises(ValidationError, match="Only tools on your own server"):
            signing_secret_rotate(tool=tool)


class TestSecrecy:
    def test_no_value_is_kept_in_the_open(self) -> None:
        created = tool_create(slug="a", kind="http", url="https://1.1.1.1/", headers={"X-A": SECRET})
        for model in (Tool, ToolHeader, SigningSecret, AuditEvent):
            kept = str(list(model.objects.values()))
            assert kept != "[]"
            assert SECRET not in kept
            assert created.signing_secret[6:] not in kept

    def test_no_value_is_in_what_is_logged_of_a_tool(self) -> None:
        created = tool_create(slug="a", kind="http", url="https://1.1.1.1/", headers={"X-A": SECRET})
        shown = repr(http_tool(created.tool)) + repr(list(ToolHeader.objects.all()))
        assert SECRET not in shown
        assert "whsec_" not in shown


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_secrets_are_sealed_again_under_a_new_master_key(settings: Any) -> None:
    created = tool_create(slug="a", kind="http", url="https://1.1.1.1/", headers={"X-A": SECRET})
    settings.ENCRYPTION_KEYS = {**settings.ENCRYPTION_KEYS, 99: b"9" * 32}
    assert secrets_rotate().done == 2
    settings.ENCRYPTION_KEYS = {99: b"9" * 32}
    tool = http_tool(created.tool)
    assert (tool.headers, tool.signing_secrets) == ((("X-A", SECRET),), (created.signing_secret,))
