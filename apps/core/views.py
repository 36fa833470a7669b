from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core.health import failing_parts


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "core/landing.html",
        {"base_url": request.build_absolute_uri("/v1"), "failing": async_to_sync(failing_parts)()},
    )
