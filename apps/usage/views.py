from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.usage.presenting import shown_capabilities, shown_languages, shown_rates
from apps.usage.selectors import KINDS, listed_models


@require_safe
def models_page(request: HttpRequest) -> HttpResponse:
    kind, text = request.GET.get("kind", ""), request.GET.get("q", "").strip()
    found = listed_models(kind=kind if kind in KINDS else None, text=text)
    rows = [
        {
            "entry": model.entry,
            "kind": model.entry.kind.replace("_", " "),
            "lifecycle": model.lifecycle,
            "capabilities": shown_capabilities(model),
            "context": _thousands(getattr(model.entry.capabilities, "context_tokens", None)),
            "languages": shown_languages(model),
            "rates": shown_rates(model.current_rates),
            "notes": sorted({rate.note for rate in model.current_rates if rate.note}),
        }
        for model in found
    ]
    kinds = [(name, name.replace("_", " ")) for name in KINDS]
    return render(request, "usage/models.html", {"rows": rows, "kinds": kinds, "kind": kind, "text": text})


def _thousands(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
