import uuid

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from unfold.decorators import action

from apps.billing.staff import refund_page
from apps.billing.stripe.models import (
    EventStatus,
    Invoice,
    MeterPush,
    Refund,
    StripeEvent,
    Subscription,
    TopUp,
)
from apps.billing.tasks import stripe_event_process
from apps.core.admin import ReadOnlyAdmin


class PaidAdmin(ReadOnlyAdmin):
    """To look at, and to be paid back on a page of its own."""

    actions_detail = ["pay_back"]

    @action(description="Refund", url_path="refund", icon="undo")  # type: ignore[untyped-decorator]
    def pay_back(self, request: HttpRequest, object_id: uuid.UUID) -> HttpResponse:
        paid = get_object_or_404(self.model, id=object_id)
        return refund_page(request, self.admin_site.each_context(request), of=self.model, paid=paid)


@admin.register(TopUp)
class TopUpAdmin(PaidAdmin):
    list_display = ["created_at", "tenant", "source", "status", "amount_micro", "tax_micro", "failure"]
    list_filter = ["source", "status"]
    list_select_related = ["tenant"]
    search_fields = ["payment_intent_id", "checkout_session_id"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["tenant", "plan", "next_plan", "status", "period_end", "past_due_since", "fallen"]
    list_filter = ["status", "plan", "fallen"]
    list_select_related = ["tenant"]
    search_fields = ["stripe_subscription_id"]


@admin.register(Invoice)
class InvoiceAdmin(PaidAdmin):
    """`difference` says how Stripe's invoice differs from the ledger."""

    list_display = ["created_at", "tenant", "__str__", "status", "total_micro", "usage_micro", "difference"]
    list_filter = ["status", "reason"]
    list_select_related = ["tenant"]
    search_fields = ["number", "stripe_invoice_id", "payment_intent_id"]


@admin.register(MeterPush)
class MeterPushAdmin(ReadOnlyAdmin):
    list_display = ["until", "tenant", "cents", "status", "attempts", "sent_at", "error"]
    list_filter = ["status"]
    list_select_related = ["tenant"]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "tenant", "amount_micro", "tax_micro", "status", "reason", "failure"]
    list_filter = ["status"]
    list_select_related = ["tenant"]


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    """What could not be processed may be tried again, when what was wrong is mended."""

    list_display = ["received_at", "id", "type", "object_id", "status", "attempts", "error"]
    list_filter = ["status", "type"]
    search_fields = ["id", "object_id", "customer_id"]
    actions = ["process_again"]

    @admin.action(description="Process again")
    def process_again(self, request: HttpRequest, events: QuerySet[StripeEvent]) -> None:
        parked = list(events.filter(status=EventStatus.PARKED).values_list("id", flat=True))
        events.filter(id__in=parked).update(
            status=EventStatus.WAITING, attempts=0, next_at=timezone.now(), done_at=None
        )
        for id in parked:
            stripe_event_process.delay(id)
        self.message_user(request, f"{len(parked)} are processed again.")
