from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.tenancy import tenant_context
from apps.routers.services import router_put
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Adds or replaces a router of a tenant: the rules by which one of several models answers. Its format is in "
        "docs/routers.md. Running it again with the same file changes nothing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="sessions name the router router/<name>")
        parser.add_argument("file", type=Path, metavar="FILE", help="the definition, in JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        try:
            definition = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from None
        try:
            with tenant_context(tenant.id):
                router = router_put(name=options["name"], definition=definition)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from None
        self.stdout.write(f"{router} is at version {router.version}.")
