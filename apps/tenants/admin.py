import uuid

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from apps.core.admin import ReadOnlyAdmin
from apps.tenants.impersonation import LONGEST, impersonation_start
from apps.tenants.models import Invitation, Membership, Tenant


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    list_display = ["slug", "name", "created_at", "deleted_at"]
    search_fields = ["slug", "name"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["user", "tenant", "role", "last_active_at"]
    list_select_related = ["user", "tenant"]
    list_filter = ["role"]
    search_fields = ["user__email", "tenant__slug"]
    fields = ["user", "tenant", "role", "created_at", "last_active_at"]
    actions_detail = ["act_as"]

    @action(description="Act as this member", url_path="act-as", icon="person_play")  # type: ignore[untyped-decorator]
    def act_as(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        membership = get_object_or_404(Membership.objects.select_related("user", "tenant"), id=object_id)
        problems: list[str] = []
        if request.method == "POST":
            try:
                impersonation_start(
                    request=request, membership=membership, reason=request.POST.get("reason", "")
                )
                return redirect("tenant", slug=membership.tenant.slug)
            except ValidationError as error:
                problems = error.messages
        context = {
            **self.admin_site.each_context(request),
            "title": f"Act as {membership.user.email} in {membership.tenant.name}",
            "problems": problems,
            "minutes": LONGEST.seconds // 60,
        }
        return TemplateResponse(request, "staff/act_as.html", context, status=422 if problems else 200)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["email", "tenant", "role", "sent_at", "expires_at", "accepted_at"]
    list_select_related = ["tenant"]
    search_fields = ["email", "tenant__slug"]
    fields = ["email", "tenant", "role", "created_at", "sent_at", "expires_at", "accepted_at"]
