"""The page of the staff admin that pays back a top-up or an invoice."""

from decimal import Decimal
from typing import Any

import stripe
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from apps.audit.acting import Actor, acting, client_address
from apps.billing.stripe.models import Invoice, TopUp
from apps.billing.stripe.refunds import refund_make, refundable_micro
from apps.core.tenancy import tenant_context

_MICRO = 1_000_000


class RefundForm(forms.Form):
    """`left` is what could be paid back when the page was shown: the same form sent twice pays back once."""

    dollars = forms.DecimalField(min_value=Decimal("0.01"), decimal_places=2, max_digits=12)
    reason = forms.CharField(max_length=500)
    left = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, left_micro: int) -> None:
        super().__init__(data, initial={"left": left_micro})
        self._left_micro = left_micro

    def clean_left(self) -> int:
        if (left := int(self.cleaned_data["left"])) != self._left_micro:
            raise ValidationError("Something was paid back meanwhile: open this page again, and look.")
        return left


def refund_page(
    request: HttpRequest, shown: dict[str, Any], *, of: type[TopUp | Invoice], paid: Any
) -> HttpResponse:
    """`shown` is what every page of the admin shows. The tenant reads who paid back, and why, in its audit log."""
    staff = Actor.person(request.user, address=client_address(request)).as_staff("")
    with tenant_context(paid.tenant_id), acting(staff):
        paid = of.objects.get(id=paid.pk)  # on the tenant's own connection
        left = refundable_micro(paid)
        form = RefundForm(request.POST or None, left_micro=left)
        if form.is_valid():
            given = form.cleaned_data
            try:
                refund = refund_make(
                    paid=paid, amount_micro=int(given["dollars"] * _MICRO), reason=given["reason"]
                )
                refund.refresh_from_db()
                messages.info(request, f"It is noted: {refund.get_status_display().lower()}.")
                return redirect("admin:billing_refund_changelist")
            except ValidationError as error:
                form.add_error(None, error)
            except stripe.StripeError as error:
                messages.warning(
                    request, f"It is noted, and will be tried again: {error.user_message or error}"
                )
                return redirect("admin:billing_refund_changelist")
        elif form.has_error("left"):
            form.add_error(None, form.errors["left"].as_data())
        context = {
            **shown,
            "title": f"Refund: {paid}",
            "paid": paid,
            "most": f"{left / _MICRO:.2f}",
            "form": form,
        }
    return TemplateResponse(request, "staff/refund.html", context, status=422 if form.errors else 200)
