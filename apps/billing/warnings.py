"""Telling members in time that money runs out: at 50, 80 and 100 % of a budget, of the balance or of the cap."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef, Sum
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.billing.amounts import dollars
from apps.billing.budgets import budget_states, name_of
from apps.billing.ledger import balance_micro
from apps.billing.models import (
    Account,
    Action,
    BillingAccount,
    Budget,
    LedgerEntry,
    Mode,
    Period,
    SpendWarning,
)
from apps.billing.selectors import terms_of_account
from apps.core.addresses import site_url
from apps.core.tenancy import atomic
from apps.tenants.models import Membership, Tenant
from apps.tenants.roles import ALLOWED, May
from apps.webhooks.services import event_publish

PERCENTS = (50, 80, 100)


@dataclass(frozen=True, slots=True)
class Spent:
    """How far something is used up. `period` is what it begins anew with."""

    what: str
    period: str
    spent_micro: int
    amount_micro: int
    budget: Budget | None = None


def reached(spent_micro: int, amount_micro: int) -> list[int]:
    """The PERCENTS that have been reached."""
    return [percent for percent in PERCENTS if spent_micro * 100 >= amount_micro * percent]


def period_of(period: Period | str, now: datetime) -> str:
    """The name of the period of UTC that `now` is in."""
    names = {Period.DAY: f"{now:%Y-%m-%d}", Period.MONTH: f"{now:%Y-%m}", Period.TOTAL: "total"}
    return names[Period(period)]


@atomic()
def warnings_send(*, now: datetime | None = None) -> list[SpendWarning]:
    """Warns the current tenant's members of what has come near its end, once each. Of several percents that were
    passed since the last look the highest is told. Returns what was noted."""
    now = now or timezone.now()
    sent: list[SpendWarning] = []
    for spent in (*_of_account(now), *_of_budgets(now)):
        known: Collection[int] = set(
            SpendWarning.objects.filter(budget=spent.budget, period=spent.period).values_list(
                "percent", flat=True
            )
        )
        new = [percent for percent in reached(spent.spent_micro, spent.amount_micro) if percent not in known]
        rows = [
            SpendWarning(
                budget=spent.budget,
                period=spent.period,
                percent=percent,
                spent_micro=spent.spent_micro,
                amount_micro=spent.amount_micro,
            )
            for percent in new
        ]
        SpendWarning.objects.bulk_create(rows)
        if rows:
            _publish(spent, max(new))
            _mail(spent, max(new))  # a mail that fails leaves no rows: it is tried again
        sent += rows
    return sent


def notices(*, now: datetime | None = None) -> list[str]:
    """What the current tenant's members should see on its pages: what is used to 80 % or more, as it was told to
    them, until it begins anew, is raised or paid for. One query."""
    now = now or timezone.now()
    raised = LedgerEntry.objects.filter(
        account=Account.BALANCE, amount_micro__gt=0, transaction__at__gt=OuterRef("created_at")
    )
    told = SpendWarning.objects.filter(percent__gte=80).annotate(is_past=Exists(raised))
    latest: dict[uuid.UUID | None, str] = {}
    for warning in told.select_related("budget__api_key", "budget__agent", "budget__customer").order_by(
        "-created_at", "-percent"
    )[:200]:
        if _is_current(warning, now):
            latest.setdefault(warning.budget.id if warning.budget else None, _notice(warning))
    return list(latest.values())


def _is_current(warning: Any, now: datetime) -> bool:
    budget = warning.budget
    if budget is None:
        return not warning.is_past
    is_near = 80 in reached(warning.spent_micro, budget.amount_micro)
    return is_near and warning.period == period_of(budget.period, now)


def _notice(warning: SpendWarning) -> str:
    budget = warning.budget
    what = f"The budget of {name_of(budget)}" if budget else "What this workspace may spend"
    ends = budget is None or budget.action == Action.STOP
    if warning.percent < 100:
        return f"{what} is used to {warning.percent} %." + (" At 100 % sessions end." if ends else "")
    return f"{what} is used up" + (": sessions end and new ones are refused." if ends else ".")


def _of_budgets(now: datetime) -> list[Spent]:
    return [
        Spent(
            f"The budget of {name_of(state.budget)}",
            period_of(state.budget.period, now),
            state.spent_micro,
            state.budget.amount_micro,
            state.budget,
        )
        for state in budget_states()
    ]


def _of_account(now: datetime) -> list[Spent]:
    account = BillingAccount.objects.first()
    if not settings.BILLING or account is None:
        return []
    agreed, balance = terms_of_account(account), balance_micro()
    if agreed.mode == Mode.POSTPAID:
        cap = agreed.credit_micro
        return [Spent("The spending cap", period_of(Period.MONTH, now), -balance, cap)] if cap else []
    # Of a balance, what it was when it was last raised.
    entries = LedgerEntry.objects.filter(account=Account.BALANCE).select_related("transaction")
    last = entries.filter(amount_micro__gt=0).order_by("-transaction__at", "-id").first()
    if last is None:
        return []
    since = entries.filter(transaction__at__gte=last.transaction.at).exclude(id=last.id)
    spent = -(since.aggregate(sum=Sum("amount_micro"))["sum"] or 0)
    if balance + spent <= 0:
        return []
    return [Spent("The balance", f"credit:{last.transaction.id}", spent, balance + spent)]


def _publish(spent: Spent, percent: int) -> None:
    budget_id = str(spent.budget.id) if spent.budget else None
    event_publish(
        type="budget.warning",
        data={
            "what": spent.what,
            "budget_id": budget_id,
            "period": spent.period,
            "percent": percent,
            "spent_micro": spent.spent_micro,
            "amount_micro": spent.amount_micro,
        },
        key=f"{budget_id}:{spent.period}:{percent}",
    )


def _mail(spent: Spent, percent: int) -> None:
    roles = [role for role, may in ALLOWED.items() if May.MANAGE_BILLING in may]
    members = Membership.objects.filter(role__in=roles).select_related("user", "tenant")
    tenant: Tenant | None = members[0].tenant if members else None
    if tenant is None:
        return
    page = reverse("budgets", args=[tenant.slug])
    ends = spent.budget.action == Action.STOP if spent.budget else True
    context = {
        "tenant": tenant,
        "what": spent.what,
        "percent": percent,
        "spent": dollars(spent.spent_micro),
        "amount": dollars(spent.amount_micro),
        "ends": ends,
        "url": site_url(page),
    }
    lines = render_to_string("billing/warning_mail.txt", context)
    subject = f"{tenant.name}: {spent.what.lower()} is used to {percent} %"
    EmailMessage(subject, lines, bcc=[member.user.email for member in members]).send()
