import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from apps.audit.acting import Actor, acting, client_address
from apps.core.admin import ReadOnlyAdmin
from apps.core.tenancy import tenant_context
from apps.limits.models import LimitRequest, TenantLimits
from apps.limits.resolving import NAMES
from apps.limits.selectors import own_limits
from apps.limits.services import limit_request_answer, tenant_limits_set
from apps.tenants.models import Tenant


class AnswerForm(forms.Form):
    granted = forms.IntegerField(label="Grant", min_value=1, max_value=2**31 - 1, required=False)
    answer = forms.CharField(label="Words for the tenant", max_length=2000, required=False)

    def __init__(self, *args: Any, declines: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._declines = declines

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self._declines:
            cleaned["granted"] = None
        elif cleaned.get("granted") is None and not self.errors:
            raise ValidationError("Say how much is granted.")
        return cleaned


class LimitsForm(forms.ModelForm):
    class Meta:
        model = TenantLimits
        fields = list(NAMES)


@admin.register(LimitRequest)
class LimitRequestAdmin(ReadOnlyAdmin):
    """Read here, and answered on a page of its own."""

    list_display = ["tenant", "limit", "wanted", "state", "created_at"]
    list_select_related = ["tenant"]
    list_filter = ["state", "limit"]
    search_fields = ["tenant__slug"]
    fields = [
        "tenant",
        "limit",
        "wanted",
        "reason",
        "created_by",
        "created_at",
        "state",
        "answer",
        "answered_at",
    ]
    actions_detail = ["give_answer"]

    @action(description="Answer", url_path="answer", icon="reply")  # type: ignore[untyped-decorator]
    def give_answer(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        asked = get_object_or_404(LimitRequest.objects.select_related("tenant"), id=object_id)
        form = AnswerForm(request.POST or None, declines="decline" in request.POST)
        if form.is_valid():
            with tenant_context(asked.tenant_id), acting(_staff(request)):
                try:
                    limit_request_answer(request_id=asked.pk, **form.cleaned_data)
                    return redirect("admin:limits_limitrequest_changelist")
                except ValidationError as error:
                    form.add_error(None, error)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{asked.tenant.name}: {asked}",
            "asked": asked,
            "form": form,
        }
        return TemplateResponse(
            request, "staff/limit_request.html", context, status=422 if form.errors else 200
        )


@admin.register(TenantLimits)
class TenantLimitsAdmin(ReadOnlyAdmin):
    """What tenants were granted; set on a page of each."""

    list_display = ["tenant", *NAMES]
    list_select_related = ["tenant"]
    search_fields = ["tenant__slug"]
    fields = ["tenant", *NAMES, "changed_at"]
    actions_list = ["choose_tenant"]
    actions_detail = ["set_limits"]

    @action(description="Set limits", url_path="set", icon="edit")  # type: ignore[untyped-decorator]
    def set_limits(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        row = get_object_or_404(TenantLimits.objects.select_related("tenant"), id=object_id)
        return self._form_page(request, row.tenant)

    @action(description="Of a tenant that has none", url_path="of", icon="add")  # type: ignore[untyped-decorator]
    def choose_tenant(self, request: HttpRequest) -> HttpResponse:
        slug = request.GET.get("tenant", "").strip()
        if not slug:
            context = {**self.admin_site.each_context(request), "title": "Limits of a tenant"}
            return TemplateResponse(request, "staff/choose_tenant.html", context)
        return self._form_page(request, get_object_or_404(Tenant, slug=slug))

    def _form_page(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        own = own_limits(tenant.pk)
        initial = {name: getattr(own, name) for name in NAMES} if own else {}
        form = LimitsForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            with tenant_context(tenant.pk), acting(_staff(request)):
                tenant_limits_set(changes=form.cleaned_data)
            return redirect("admin:limits_tenantlimits_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Limits of {tenant.name}",
            "form": form,
        }
        return TemplateResponse(
            request, "staff/tenant_limits.html", context, status=422 if form.errors else 200
        )


def _staff(request: HttpRequest) -> Actor:
    return Actor.person(request.user, address=client_address(request)).as_staff("")
