from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.billing.auditing import ledger_problems
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Compares the ledger with itself and with what was used; ends with 1 if anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="its name in addresses; without it, all")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = None
        if options["tenant"]:
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"There is no tenant {options['tenant']!r}.")
        problems = list(ledger_problems(tenant.id if tenant else None))
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"The ledger is wrong in {len(problems)} places.")
        self.stdout.write("The ledger balances, and equals what was used.")
