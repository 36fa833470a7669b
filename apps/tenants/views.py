"""Between a person and their tenants: which there are, a new one, an invitation to one."""

from typing import cast

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.requests import PersonalRequest
from apps.audit.acting import Actor, acting, client_address
from apps.tenants.forms import WorkspaceForm
from apps.tenants.impersonation import impersonation_stop
from apps.tenants.invitations import invitation_accept
from apps.tenants.selectors import (
    InvitationRecord,
    invitation_lookup,
    membership_lookup,
    memberships_of,
    slug_proposal,
)
from apps.tenants.services import tenant_create

_INVITATION = "invitation"  # in the session, while its holder signs up or in


@login_required
def home(request: PersonalRequest) -> HttpResponse:
    """Where one goes from the sign-in: to an invitation, one's workspace, or the making of one."""
    token = request.session.get(_INVITATION)
    if token and invitation_lookup(token):
        return redirect("invitation", token=token)
    membership = membership_lookup(user_id=request.user.pk)
    if membership is None:
        return redirect("workspace-new")
    return redirect("tenant", slug=membership.tenant_slug)


@login_required
def new_workspace(request: PersonalRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with acting(Actor.person(request.user, address=client_address(request))):
            tenant = tenant_create(**form.cleaned_data, owner=request.user)
        return redirect("tenant", slug=tenant.slug)
    context = {"form": form, "first": membership_lookup(user_id=request.user.pk) is None}
    return render(request, "tenants/new.html", context, status=422 if form.errors else 200)


@require_safe
@login_required
def proposed_address(request: HttpRequest) -> HttpResponse:
    """A part of the page above."""
    form = WorkspaceForm(initial={"slug": slug_proposal(request.GET.get("name", ""))})
    return render(request, "tenants/address.html", {"form": form})


@require_safe
@login_required
def switcher(request: PersonalRequest) -> HttpResponse:
    """A part of every page of a tenant."""
    return render(request, "tenants/switcher.html", {"memberships": memberships_of(user_id=request.user.pk)})


@require_POST
@login_required
def stop_acting(request: HttpRequest) -> HttpResponse:
    """Of a superuser who acts as a member."""
    impersonation_stop(request=request)
    return redirect("admin:index" if request.user.is_superuser else "home")


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    found = invitation_lookup(token)
    if found is None or found.is_expired:
        request.session.pop(_INVITATION, None)
        return render(request, "tenants/invitation_over.html", {"invitation": found}, status=404)
    if not request.user.is_authenticated:
        _remember(request, token, found)
    elif request.method == "POST":
        return _accept(cast(PersonalRequest, request), token)
    is_theirs = request.user.is_authenticated and request.user.email == found.email
    return render(request, "tenants/invitation.html", {"invitation": found, "is_theirs": is_theirs})


def _remember(request: HttpRequest, token: str, found: InvitationRecord) -> None:
    """Who has the link reads that address's mail: signing up with it needs no code."""
    request.session[_INVITATION] = token
    get_adapter().stash_verified_email(request, found.email)


def _accept(request: PersonalRequest, token: str) -> HttpResponse:
    try:
        with acting(Actor.person(request.user, address=client_address(request))):
            joined = invitation_accept(token=token, user=request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("invitation", token=token)
    request.session.pop(_INVITATION, None)
    messages.success(request, f"You are a member of {joined.tenant_name} now.")
    return redirect("tenant", slug=joined.tenant_slug)
