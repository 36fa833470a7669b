import uuid
from decimal import Decimal
from typing import Any

import stripe
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.billing.stripe.models import Invoice, TopUp
from apps.billing.stripe.refunds import refund_make, refundable_micro
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Pays back a part, or all, of a top-up or an invoice. What was paid in leaves the balance at once."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument(
            "--payment", required=True, type=uuid.UUID, help="the id of a top-up or an invoice"
        )
        parser.add_argument("--dollars", type=Decimal, help="without tax, which is added; all, unless given")
        parser.add_argument("--reason", required=True, help="which the tenant reads")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        with tenant_context(tenant.id):
            id = options["payment"]
            paid = TopUp.objects.filter(id=id).first() or Invoice.objects.filter(id=id).first()
            if paid is None:
                raise CommandError(f"{tenant.slug} has no payment {id}.")
            dollars = options["dollars"]
            amount = refundable_micro(paid) if dollars is None else int(dollars * 1_000_000)
            try:
                refund = refund_make(paid=paid, amount_micro=amount, reason=options["reason"])
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            except stripe.StripeError as error:
                raise CommandError(f"It is noted, and will be tried again: {error.user_message}") from None
            refund.refresh_from_db()
            self.stdout.write(f"{refund}\t{refund.id}")
