import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.keys.forms import ApiKeyForm
from apps.keys.selectors import api_key_list
from apps.keys.services import CreatedKey, api_key_create, api_key_revoke
from apps.tenants.access import tenant_page
from apps.tenants.models import Membership
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _render(request, membership, ApiKeyForm())


@require_POST
@never_cache
@tenant_page(May.CONNECT)
def create(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """Answers with the page itself: the new key is on it, and nowhere else."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _render(request, membership, form, status=422)
    created = api_key_create(
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at(),
        created_by=Membership.objects.get(id=membership.membership_id),
    )
    return _render(request, membership, ApiKeyForm(), created=created)


@require_POST
@tenant_page(May.CONNECT)
def revoke(request: HttpRequest, membership: PersonalMembership, key_id: uuid.UUID) -> HttpResponse:
    api_key_revoke(key=get_object_or_404(api_key_list(), id=key_id))
    return redirect("keys", slug=membership.tenant_slug)


def keys(request: HttpRequest, slug: str) -> HttpResponse:
    return create(request, slug) if request.method == "POST" else page(request, slug)


def _render(
    request: HttpRequest,
    membership: PersonalMembership,
    form: ApiKeyForm,
    *,
    created: CreatedKey | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "membership": membership,
        "base_url": request.build_absolute_uri("/v1"),
        "keys": api_key_list(),
        "form": form,
        "created": created,
    }
    return render(request, "keys/page.html", context, status=status)
