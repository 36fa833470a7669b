"""Pages that need no account: what this is, how to begin, and the documentation."""

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.health import failing_parts
from apps.dashboard.documents import document_find, documents
from apps.tenants.endpoints import platform_url


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "base_url": _base_url(request),
        "failing": async_to_sync(failing_parts)(),
        "may_sign_up": settings.SIGN_UP == "open",
    }
    return render(request, "public/home.html", context)


@require_safe
def quickstart(request: HttpRequest) -> HttpResponse:
    base_url = _base_url(request)
    context = {"base_url": base_url, "socket_url": "ws" + base_url.removeprefix("http") + "/realtime"}
    return render(request, "public/quickstart.html", context)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "public/docs.html", {"documents": documents()})


@require_safe
def document(request: HttpRequest, name: str) -> HttpResponse:
    found = document_find(name)
    if found is None:
        raise Http404("No such page of the documentation.")
    return render(request, "public/document.html", {"document": found, "documents": documents()})


def _base_url(request: HttpRequest) -> str:
    return platform_url(request.build_absolute_uri("/")) + "/v1"
