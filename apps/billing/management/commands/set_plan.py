from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.billing.services import plan_set
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Puts a tenant on a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, help="its name in addresses")
        parser.add_argument("--plan", required=True, help="the key of a plan")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        try:
            with tenant_context(tenant.id):
                account = plan_set(plan=options["plan"])
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        self.stdout.write(f"{tenant.name} is on the plan {account.plan}.")
