"""The components of pages, rendered as pages render them."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template import engines
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views.defaults import server_error
from django_cotton.compiler_regex import CottonCompiler
from pytest_django.fixtures import Settings

from apps.dashboard.documents import document_find
from apps.dashboard.navigation import NAVIGATION, navigation_for
from apps.tenants.models import Role
from apps.tenants.selectors import PersonalMembership
from tests.cast import PASSWORD, Person


class AgentForm(forms.Form):
    name = forms.CharField(help_text="What your team calls it.")
    record = forms.BooleanField(required=False, help_text="Kept for 30 days.")
    scopes = forms.MultipleChoiceField(choices=[("a", "Talk")], widget=forms.CheckboxSelectMultiple)

    def clean(self) -> None:
        raise forms.ValidationError("Two agents can't share a number.")


def rendered(source: str, **context: Any) -> str:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    template = engines["django"].from_string(CottonCompiler().process(source))
    return re.sub(r"\s+", " ", template.render(context, request)).strip()


def tag(html: str, part: str) -> str:
    """The one tag with that text in it."""
    found = [tag for tag in re.findall(r"<[^>]+>", html) if part in tag]
    assert len(found) == 1, found
    return found[0]


def test_a_field_has_a_label_and_its_help_belongs_to_it() -> None:
    html = rendered('<c-field :field="form.name" />', form=AgentForm())
    assert '<label for="id_name"' in html
    assert 'aria-describedby="id_name_helptext"' in tag(html, "<input")
    assert "What your team calls it." in html
    assert "aria-invalid" not in html


def test_a_field_tells_its_errors_to_screen_readers_and_keeps_what_was_typed() -> None:
    html = rendered('<c-fields :form="form" />', form=AgentForm({"name": "", "scopes": ["nonsense"]}))
    control = tag(html, 'name="name"')
    assert 'aria-invalid="true"' in control
    assert 'aria-describedby="id_name_helptext id_name_error"' in control
    assert 'id="id_name_error"' in html
    assert tag(html, 'role="alert"')
    assert "Two agents can&#x27;t share a number." in html
    typed = rendered('<c-field :field="form.name" />', form=AgentForm({"name": "<Front desk>"}))
    assert 'value="&lt;Front desk&gt;"' in typed


def test_several_checkboxes_are_one_group_with_a_legend() -> None:
    html = rendered('<c-field :field="form.scopes" />', form=AgentForm({"scopes": []}))
    assert "<legend" in html
    assert 'aria-describedby="id_scopes_error"' in tag(html, "<fieldset")


def test_a_button_is_a_link_where_it_leads_somewhere() -> None:
    assert rendered("<c-button>Save</c-button>").startswith('<button type="submit"')
    link = rendered('<c-button href="/x?a=1&b=2" kind="primary">Go</c-button>')
    assert link.startswith("<a href=")
    assert link.endswith("Go</a>")


def test_an_icon_button_has_a_name() -> None:
    html = rendered('<c-icon-button icon="pencil" label="Edit" />')
    assert 'aria-label="Edit"' in html
    assert 'aria-hidden="true"' in tag(html, "<svg")


def test_what_is_given_to_a_component_is_escaped() -> None:
    html = rendered('<c-empty-state :title="text" /><c-copy :value="text" />', text='"><script>')
    assert "<script>" not in html


def test_a_component_does_not_see_what_it_was_not_given() -> None:
    assert "leaked" not in rendered("<c-card>text</c-card>", title="leaked", text="leaked")


def test_a_time_is_relative_and_exact() -> None:
    moment = timezone.now() - timedelta(minutes=4, seconds=1)
    html = rendered('<c-time :value="moment" />', moment=moment)
    assert "4 minutes ago" in html.replace("\xa0", " ")
    assert f'datetime="{moment.isoformat(timespec="microseconds")[:19]}' in html
    assert "never" in rendered('<c-time :value="moment" />', moment=None)


@pytest.mark.parametrize("values", [[], [3], [0, 0], [1, 5, 2]])
def test_a_course_is_drawn_without_style_attributes(values: list[int]) -> None:
    html = rendered('<c-sparkline :values="v" label="Calls" /><c-bars :values="v" label="Calls" />', v=values)
    assert html.count('aria-label="Calls"') == 2
    assert html.count("<rect") == len(values)
    assert "style=" not in html
    assert all(0 <= float(y) <= 28 for y in re.findall(r",([\d.]+)", html))


def test_a_confirmation_posts_with_the_token_and_the_typed_word() -> None:
    html = rendered('<c-confirm id="d" title="Delete" action="/d" typed="acme">Gone for good.</c-confirm>')
    assert 'method="post" action="/d"' in tag(html, "<form")
    assert "csrfmiddlewaretoken" in html
    assert 'data-typed="acme"' in tag(html, 'name="confirmation"')
    assert "confirmation" not in rendered('<c-confirm id="d" title="Delete" action="/d">Gone.</c-confirm>')


def test_pages_by_cursor_are_linked_where_there_are_any() -> None:
    assert rendered("<c-pagination />") == ""
    html = rendered('<c-pagination older="?after=9" />')
    assert 'href="?after=9"' in html
    assert "Newer" not in html


def test_the_style_guide_shows_every_component_in_debug_mode_alone(settings: Settings) -> None:
    assert Client().get("/styleguide").status_code == 404
    settings.DEBUG = True
    html = Client().get("/styleguide").content.decode()
    assert "<c-" not in html
    for needed in ("<dialog", "<time", "<polyline", 'role="switch"', 'aria-current="page"'):
        assert needed in html


def test_no_page_has_an_inline_script_handler_or_style(settings: Settings) -> None:
    settings.DEBUG = True
    html = Client().get("/styleguide").content.decode()
    assert re.findall(r"<script(?![^>]* src=)", html) == []
    assert re.findall(r"\s(?:on\w+|style)=", html) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cookie", "attribute"),
    [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"'), ("auto", None), ('"><script>', None)],
)
def test_the_theme_is_the_cookies_from_the_first_byte(cookie: str, attribute: str | None) -> None:
    client = Client()
    client.cookies["theme"] = cookie
    first = client.get("/accounts/login/").content.decode().split("<head>")[0]
    assert (attribute in first) if attribute else ("data-theme" not in first)


def _request(path: str, role: Role) -> HttpRequest:
    request = RequestFactory().get(path)
    request.membership = PersonalMembership(uuid4(), role, uuid4(), "acme", "Acme")  # type: ignore[attr-defined]
    return request


def test_the_navigation_marks_where_one_is() -> None:
    def current(path: str) -> list[str]:
        groups = navigation_for(_request(path, Role.OWNER))
        return [link.label for group in groups for link in group.links if link.current]

    assert current("/acme/providers/") == ["Providers"]
    assert current("/acme/providers/keys/") == ["Providers"]
    assert current("/acme/somewhere-else/") == []


def test_the_navigation_shows_what_the_role_allows() -> None:
    def labels(role: Role) -> set[str]:
        return {link.label for group in navigation_for(_request("/", role)) for link in group.links}

    assert labels(Role.OWNER) == {entry.label for entry in NAVIGATION}
    membership = _request("/", Role.VIEWER).membership  # type: ignore[attr-defined]
    assert labels(Role.VIEWER) == {e.label for e in NAVIGATION if membership.allows(e.permission)}
    assert navigation_for(RequestFactory().get("/")) == []


@pytest.mark.parametrize("guide", sorted({entry.guide for entry in NAVIGATION if entry.guide}))
def test_what_explains_an_area_is_a_document(guide: str) -> None:
    assert document_find(guide)


@pytest.mark.django_db
def test_a_page_of_a_tenant_has_a_shell(alice: Person) -> None:
    client = Client()
    assert client.login(email=alice.user.email, password=PASSWORD)
    html = client.get("/acme/providers/").content.decode()
    assert 'href="#main"' in html
    assert 'href="/acme/providers/" aria-current="page"' in html
    assert 'aria-label="Guide to providers" title="Guide to providers"' in html
    assert "Acme" in html
    assert alice.user.email in html
    assert html.count("<h1") == 1


def test_an_error_page_needs_neither_person_nor_database() -> None:
    response = server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"Something broke" in response.content
