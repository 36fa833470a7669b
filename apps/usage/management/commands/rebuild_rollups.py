from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.tenants.models import Tenant
from apps.usage.rollups import rollups_rebuild


class Command(BaseCommand):
    help = "Makes the sums by hour and day of what tenants used anew, from the lines that they are of."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="a tenant's slug; all tenants without")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.order_by("slug")
        if slug := options["tenant"]:
            tenants = tenants.filter(slug=slug)
            if not tenants:
                raise CommandError(f"There is no tenant {slug!r}.")
        for tenant in tenants:
            self.stdout.write(f"{tenant.slug}: {rollups_rebuild(tenant_id=tenant.id)} sums")
