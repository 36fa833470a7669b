from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.core.tenancy import tenant_context
from apps.keys.models import Environment, Scope
from apps.keys.scopes import FOR_APPS
from apps.keys.services import api_key_create
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Makes an API key and prints it, and nothing else, on standard output."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, default=list(FOR_APPS))
        parser.add_argument("--environment", choices=Environment.values, default=Environment.LIVE)
        parser.add_argument("--expires-in-days", type=float, metavar="N", help="never, unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        days = options["expires_in_days"]
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        try:
            with tenant_context(tenant.id):
                created = api_key_create(
                    name=options["name"],
                    scopes=options["scopes"],
                    environment=options["environment"],
                    expires_at=expires_at,
                )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(created.text)
