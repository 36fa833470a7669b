"""The OpenAPI document, for programs and for people."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.api.v1.presenting import sections_of
from apps.api.v1.schema import described
from apps.tenants.endpoints import platform_url


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    server = {"url": platform_url(request.build_absolute_uri("/")), "description": "This installation"}
    return JsonResponse({**described(), "servers": [server]})


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "server": platform_url(request.build_absolute_uri("/")),
        "info": described()["info"],
        "sections": sections_of(described()),
    }
    return render(request, "api/reference.html", context)
