"""The OpenAPI document, for programs and for people."""

from collections.abc import Sequence
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from apps.api.v1.presenting import Section, sections_of
from apps.api.v1.schema import described
from apps.tenants.endpoints import platform_url


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    server = {"url": platform_url(request.build_absolute_uri("/")), "description": "This installation"}
    return JsonResponse({**described(), "servers": [server]})


@cache
def _sections() -> Sequence[Section]:
    return sections_of(described())


@cache
def _operations() -> SafeString:
    """Rendered once: there are many, and they are the same for everybody."""
    return render_to_string("api/operations.html", {"sections": _sections()})


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "server": platform_url(request.build_absolute_uri("/")),
        "sections": _sections(),
        "operations": _operations(),
    }
    return render(request, "api/reference.html", context)
