"""Whose operation it is: an API key, by its scopes."""

from django.http import HttpRequest

from apps.api.v1.problems import Problem
from apps.keys.authentication import KeyGrant, KeyRefused, authenticate
from apps.keys.callers import Caller
from apps.keys.credentials import key_from_headers
from apps.keys.models import Scope


class ApiRequest(HttpRequest):
    """A request whose key was found right."""

    grant: KeyGrant


def authorise(request: HttpRequest, scope: Scope) -> KeyGrant:
    """Raises Problem."""
    key = key_from_headers(request.headers)
    if key is None:
        detail = "No API key was given: send it as `Authorization: Bearer <key>`."
        raise _unauthorised(detail)
    try:
        grant = authenticate(key, Caller.of_request(request))
    except KeyRefused as refused:
        raise _unauthorised(str(refused)) from None
    if grant.client_secret_id is not None:
        detail = "A client secret only opens realtime sessions: use an API key here."
        raise Problem(403, detail, code="insufficient_scope")
    if not grant.allows(scope):
        raise Problem(403, f"This API key lacks the scope {scope.value!r}.", code="insufficient_scope")
    return grant


def _unauthorised(detail: str) -> Problem:
    return Problem(401, detail, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
