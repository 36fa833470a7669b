"""Every page that somebody may look at, by a name of its own."""

from collections.abc import Iterator, Mapping

from django.urls import get_resolver, reverse

from tests.tenancy.test_urls_hide_other_tenants import patterns
from tests.tenancy.test_who_may_open_what import EXPECTED

PARTS = {  # no pages: parts of one that htmx brings, files, sounds
    "analytics-export",
    "audit-export",
    "invoice-export",
    "privacy-download",
    "privacy-manifest",
    "report-download",
    "router-test",
    "session-insights",
    "session-recording",
    "transcript-text",
    "transcript-json",
    "recording-download",
    "session-download",
    "sessions-export",
    "statement-export",
    "sessions-running",
    "customer-statement-csv",
    "usage-export",
    "usage-records-export",
    "voice-sample",
}
QUERIES = {  # pages that show more with one
    "agents": "?tag=telephone",
    "agent-compare": "?before=1&after=2",
    "analytics": "?by=version&stage=first_token&sort=-p50",
    "sessions": "?errors_only=on",
    "usage": "?kind=response",
}
OF_A_PERSON = {
    "workspaces": "/dashboard/new/",
    "profile": "/accounts/",
    "e-mail": "/accounts/email/",
    "password": "/accounts/password/change/",
    "second factors": "/accounts/2fa/",
    "sign-ins": "/accounts/sessions/",
    "sign out": "/accounts/logout/",
}
PUBLIC = {
    "home": "/",
    "quickstart": "/docs/quickstart",
    "documentation": "/docs/",
    "a document": "/docs/protocol",
    "models": "/models?q=whisper",
    "sign in": "/accounts/login/",
    "sign up": "/accounts/signup/",
    "forgotten password": "/accounts/password/reset/",
    "no page": "/there/is/none",
    "an old invitation": "/invitations/of-no-use/",
    "API reference": "/docs/api",
}


def pages_of_tenant(arguments: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name and address of each page of the tenant that `arguments` names."""
    converters = {pattern.name: pattern.pattern.converters for pattern in patterns(get_resolver())}
    for name, methods in EXPECTED.items():
        if "GET" in methods and name not in PARTS:
            address = reverse(name, kwargs={each: arguments[each] for each in converters[name]})
            yield name, address
            if name in QUERIES:
                yield f"{name} {QUERIES[name]}", address + QUERIES[name]
