from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.customers.charges import AMOUNTS, charges_due, total_of
from apps.customers.models import Customer, CustomerMarkup, Statement, StatementLine
from apps.customers.months import following, month_of
from apps.tenants.models import Tenant

EDITABLE = ("name", "is_active", "sessions_limit", "events_per_second_limit", "notes")


@atomic()
def customer_create(
    *,
    external_id: str,
    name: str,
    markup_bp: int = 0,
    sessions_limit: int | None = None,
    events_per_second_limit: int | None = None,
    notes: str = "",
) -> Customer:
    """A customer of the current tenant. Raises ValidationError."""
    customer = Customer(
        external_id=external_id,
        name=name,
        sessions_limit=sessions_limit,
        events_per_second_limit=events_per_second_limit,
        notes=notes,
    )
    customer.claim()
    customer.full_clean()
    customer.save(force_insert=True)
    # From the day's beginning: a session's clock may be a little behind ours.
    _markup_add(customer, markup_bp, datetime.combine(timezone.now().astimezone(UTC), time.min, UTC))
    after = {**fields_of(customer, "external_id", *EDITABLE), "markup_bp": markup_bp}
    record(action="customer.created", target=customer, after=after)
    return customer


@atomic()
def customer_update(*, customer: Customer, changes: Mapping[str, Any]) -> Customer:
    """Changes some of the EDITABLE fields, for sessions that begin from now on. Raises ValidationError."""
    if unknown := set(changes) - set(EDITABLE):
        raise ValidationError(f"A customer has no field {sorted(unknown)[0]!r} that can be changed.")
    before = fields_of(customer, *EDITABLE)
    for name, value in changes.items():
        setattr(customer, name, value)
    customer.full_clean()
    after = fields_of(customer, *EDITABLE)
    if after != before:
        customer.save(update_fields=list(changes))
        record(action="customer.updated", target=customer, before=before, after=after)
    return customer


@atomic()
def customer_markup_set(
    *, customer: Customer, markup_bp: int, valid_from: datetime | None = None
) -> CustomerMarkup:
    """What is used from then on, or from now on, is charged with this markup; what was used keeps its own. Raises
    ValidationError, also for a moment that has passed."""
    now = timezone.now()
    if valid_from is not None and valid_from < now:
        raise ValidationError(
            {"valid_from": "Choose a moment in the future: what was used keeps its markup."}
        )
    made = _markup_add(customer, markup_bp, valid_from or now)
    record(
        action="customer.markup_changed",
        target=customer,
        after={"markup_bp": markup_bp, "valid_from": made.valid_from.isoformat()},
    )
    return made


@atomic()
def statement_issue(*, customer: Customer, month: date) -> Statement:
    """Puts what the customer used until the end of that month, and is on no statement yet, on one of that month.
    Raises ValidationError while the month lasts, if it has a statement, or a later month has."""
    month = month_of(month)
    Customer.objects.select_for_update().get(id=customer.pk)
    if following(month) > timezone.now().astimezone(UTC).date():
        raise ValidationError(f"{month:%B %Y} is not over yet: in UTC, it is on {following(month):%-d %B}.")
    if later := Statement.objects.filter(customer=customer, month__gt=month).order_by("month").first():
        raise ValidationError(
            f"There is a statement of {later.month:%B %Y} already, with all that was used before it."
        )
    charges = charges_due(customer, until=following(month))
    total = total_of(charges)
    tenant = Tenant.objects.get(id=customer.tenant_id)
    statement = Statement(
        customer=customer,
        month=month,
        tenant_name=tenant.name,
        customer_name=customer.name,
        external_id=customer.external_id,
        records=total.records,
        unpriced=total.unpriced,
        price_micro=total.price_micro,
        resale_micro=total.resale_micro,
        issued_at=timezone.now(),
    )
    statement.claim()
    statement.full_clean()
    statement.save(force_insert=True)
    StatementLine.objects.bulk_create(
        [
            StatementLine(
                statement=statement,
                **way._asdict(),
                **{name: getattr(amounts, name) for name in AMOUNTS},
            )
            for way, amounts in charges.items()
        ],
        batch_size=1000,
    )
    after = fields_of(statement, "external_id", "records", "price_micro", "resale_micro")
    record(action="statement.issued", target=statement, after={**after, "month": f"{month:%Y-%m}"})
    return statement


def _markup_add(customer: Customer, markup_bp: int, valid_from: datetime) -> CustomerMarkup:
    """Raises ValidationError."""
    made = CustomerMarkup(customer=customer, markup_bp=markup_bp, valid_from=valid_from)
    made.claim()
    made.full_clean()
    made.save(force_insert=True)
    return made
