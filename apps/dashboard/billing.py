"""What a tenant pays: its plan, balance, payments, invoices, and every entry of its ledger."""

import uuid
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import stripe
import structlog
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.billing.ledger import balance_micro, explain, transactions
from apps.billing.models import Account, Invoice, InvoiceLine, Kind, LedgerEntry, LedgerTransaction, TopUp
from apps.billing.plans import plans
from apps.billing.selectors import account_get, forget_terms, terms_of_account
from apps.billing.services import account_open, account_update
from apps.billing.stripe import subscriptions
from apps.billing.stripe.client import is_stand_in
from apps.billing.stripe.invoice_lines import line_explained
from apps.billing.stripe.selectors import subscription_current
from apps.billing.stripe.top_ups import top_up_start
from apps.billing.tasks import customer_tell
from apps.core.addresses import site_url
from apps.core.tenancy import on_commit
from apps.dashboard.billing_csv import invoice_csv, statement_csv
from apps.dashboard.forms.billing import DetailsForm, RechargeForm, TopUpForm
from apps.dashboard.paging import page_of
from apps.dashboard.problems import tell, toast
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

LINES_SHOWN = 500
PAID = "?paid=1"  # back from a payment: the page shows its effect once the webhook has come

log = structlog.get_logger(__name__)


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _render(request, membership)


@require_safe
@tenant_page()
def choose(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """All plans next to each other."""
    row, account = subscription_current(), account_get() or account_open()
    current = terms_of_account(account).plan
    context = {
        "plans": list(plans().values()),
        "current": current,
        "subscription": row,
        "may_change": membership.allows(May.MANAGE_BILLING),
        "stand_in": is_stand_in(),
        "billing": settings.BILLING,
    }
    return render(request, "dashboard/billing/plans.html", context)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def change_plan(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """To the page where it is paid for, or, where there is a subscription, at once."""
    plan = request.POST.get("plan", "")
    back = _here(membership)

    def change() -> HttpResponse:
        if subscription_current() is None:
            return _to_stripe(
                subscriptions.subscription_start(plan=plan, success_url=f"{back}{PAID}", cancel_url=back)
            )
        row = subscriptions.subscription_change(plan=plan)
        forget_terms()
        later = row.next_plan or (row.cancel_at and plans().first.key)
        messages.success(
            request,
            f"The plan changes on {row.period_end:%-d %B %Y}." if later else "The plan was changed.",
        )
        return redirect("billing", membership.tenant_slug)

    return _try(request, membership, change)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def cancel(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _done(request, membership, subscriptions.subscription_cancel, "The subscription was cancelled.")


@require_POST
@tenant_page(May.MANAGE_BILLING)
def resume(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    return _done(
        request, membership, subscriptions.subscription_resume, "The subscription goes on as it was."
    )


@require_POST
@tenant_page(May.MANAGE_BILLING)
def portal(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """The page for cards and receipts."""
    back = _here(membership)
    return _try(request, membership, lambda: _to_stripe(subscriptions.portal_start(return_url=back)))


@require_POST
@tenant_page(May.MANAGE_BILLING)
def top_up(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = TopUpForm(request.POST)
    if not form.is_valid():
        return _render(request, membership, top_up_form=form)
    amount, back = form.cleaned_data["amount_micro"], _here(membership)
    return _try(
        request,
        membership,
        lambda: _to_stripe(top_up_start(amount_micro=amount, success_url=f"{back}{PAID}", cancel_url=back)),
    )


@require_POST
@tenant_page(May.MANAGE_BILLING)
def recharge(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = RechargeForm(request.POST)
    if form.is_valid() and _saved(form, form.cleaned_data):
        messages.success(request, "Automatic recharge was saved.")
        return redirect("billing", membership.tenant_slug)
    return _render(request, membership, recharge_form=form)


@require_POST
@tenant_page(May.MANAGE_BILLING)
def details(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = DetailsForm(request.POST, instance=account_open())
    if form.is_valid() and _saved(form, form.cleaned_data):
        tenant = str(membership.tenant_id)
        on_commit(lambda: customer_tell.delay(tenant))
        messages.success(request, "What is on invoices was saved.")
        return redirect("billing", membership.tenant_slug)
    return _render(request, membership, details_form=form)


@require_safe
@tenant_page()
def statement(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """What changed the balance, newest first."""
    found = page_of(transactions(), by="at", cursor=request.GET.get("after", ""))
    context = {"membership": membership, "page": found, "balance": balance_micro()}
    return render(request, "dashboard/billing/statement.html", context)


@require_safe
@tenant_page()
def statement_export(request: HttpRequest, membership: PersonalMembership) -> StreamingHttpResponse:
    rows = statement_csv(transactions(), membership.tenant_id)
    return _csv(rows, f"statement-{membership.tenant_slug}")


@require_safe
@tenant_page()
def entry(request: HttpRequest, membership: PersonalMembership, transaction_id: uuid.UUID) -> HttpResponse:
    """One change of the balance, down to seconds and tokens."""
    found = LedgerTransaction.objects.filter(id=transaction_id).first()
    if found is None:
        raise Http404("No such entry.")
    lines = list(explain(found)[: LINES_SHOWN + 1])
    context = {
        "found": found,
        "entries": found.entries.all(),
        "lines": lines[:LINES_SHOWN],
        "more": len(lines) > LINES_SHOWN,
    }
    return render(request, "dashboard/billing/entry.html", context)


@require_safe
@tenant_page()
def invoice(request: HttpRequest, membership: PersonalMembership, invoice_id: uuid.UUID) -> HttpResponse:
    """To be read, and to be printed."""
    context = {
        "membership": membership,
        "invoice": _invoice(invoice_id),
        "lines": _invoice(invoice_id).lines.all(),
        "account": account_get(),
    }
    return render(request, "dashboard/billing/invoice.html", context)


@require_safe
@tenant_page()
def invoice_export(
    request: HttpRequest, membership: PersonalMembership, invoice_id: uuid.UUID
) -> StreamingHttpResponse:
    found = _invoice(invoice_id)
    return _csv(invoice_csv(found, membership.tenant_id), f"invoice-{found.number or found.id}")


@require_safe
@tenant_page()
def invoice_line(
    request: HttpRequest, membership: PersonalMembership, invoice_id: uuid.UUID, line_id: int
) -> HttpResponse:
    """What a line of an invoice is made of."""
    found = InvoiceLine.objects.filter(id=line_id, invoice_id=invoice_id).select_related("invoice").first()
    if found is None:
        raise Http404("No such line.")
    lines = list(line_explained(found)[: LINES_SHOWN + 1])
    context = {"line": found, "lines": lines[:LINES_SHOWN], "more": len(lines) > LINES_SHOWN}
    return render(request, "dashboard/billing/line.html", context)


def _invoice(id: uuid.UUID) -> Invoice:
    found = Invoice.objects.filter(id=id).first()
    if found is None:
        raise Http404("No such invoice.")
    return found


def _csv(rows: Any, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(rows, content_type="text/csv")
    response["content-disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _here(membership: PersonalMembership) -> str:
    return site_url(reverse("billing", args=[membership.tenant_slug]))


def _to_stripe(url: str) -> HttpResponse:
    """The stand-in's pages are our own, whatever name this host was called by."""
    return redirect(urlsplit(url).path if is_stand_in() else url)


def _try(request: HttpRequest, membership: PersonalMembership, act: Any) -> HttpResponse:
    """What can't be done is told on the page it was asked for on."""
    try:
        response: HttpResponse = act()
        return response
    except ValidationError as error:
        toast(request, error)
    except stripe.StripeError as error:
        log.error("stripe_failed", error=str(error), request_id=error.request_id)
        messages.error(
            request, "The payment provider could not be reached, or refused. Try again in a minute."
        )
    return redirect("billing", membership.tenant_slug)


def _done(request: HttpRequest, membership: PersonalMembership, act: Any, sentence: str) -> HttpResponse:
    def acted() -> HttpResponse:
        act()
        messages.success(request, sentence)
        return redirect("billing", membership.tenant_slug)

    return _try(request, membership, acted)


def _saved(form: Any, changes: dict[str, Any]) -> bool:
    try:
        account_update(changes=changes)
    except ValidationError as error:
        tell(form, error)
        return False
    return True


def _used_micro(since: datetime) -> int:
    """What was used since then, by the ledger."""
    entries = LedgerEntry.objects.filter(
        account=Account.USAGE_REVENUE, transaction__kind=Kind.USAGE, transaction__at__gte=since
    )
    return entries.aggregate(sum=Sum("amount_micro"))["sum"] or 0


def _render(request: HttpRequest, membership: PersonalMembership, **forms: Any) -> HttpResponse:
    account = account_get() or account_open()
    row, terms = subscription_current(), terms_of_account(account)
    today: date = timezone.now().astimezone(UTC).date()
    month = datetime(today.year, today.month, 1, tzinfo=UTC)
    since = row.period_start if row and row.period_start else month
    context = {
        "membership": membership,
        "account": account,
        "terms": terms,
        "subscription": row,
        "next_plan": plans().get(row.next_plan) if row and row.next_plan else None,
        "first_plan": plans().first,
        "grace_until": row.past_due_since + subscriptions.grace() if row and row.past_due_since else None,
        "balance": balance_micro(),
        "since": since,
        "used": _used_micro(since),
        "invoices": Invoice.objects.all()[:12],
        "top_ups": TopUp.objects.exclude(status="expired")[:8],
        "stand_in": is_stand_in(),
        "billing": settings.BILLING,
        "may_change": membership.allows(May.MANAGE_BILLING),
        "top_up_form": TopUpForm(),
        "recharge_form": RechargeForm(
            initial={name: getattr(account, name) for name in RechargeForm.base_fields}
        ),
        "details_form": DetailsForm(instance=account),
        **forms,
    }
    wrong = any(form.errors for form in forms.values())
    return render(request, "dashboard/billing/page.html", context, status=422 if wrong else 200)
