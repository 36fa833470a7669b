from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.core.tenancy import across_tenants, tenant_context
from apps.credentials.sealing import Unsealable
from apps.files import store
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = (
        "Encrypts files of tenants again under the newest of ENCRYPTION_KEYS, and those that were kept before "
        "FILES_ENCRYPTION was on."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FILES_ENCRYPTION:
            raise CommandError("Files are not encrypted: set FILES_ENCRYPTION=on first.")
        done, problems = 0, []
        with across_tenants(reason="encryption of files"):
            tenants = list(Tenant.objects.values_list("id", flat=True))
        for tenant_id in tenants:
            with tenant_context(tenant_id):
                for name in list(store.names(f"{tenant_id}/")):
                    try:
                        done += store.reseal(name)
                    except store.NoSuchFile:
                        continue  # deleted meanwhile
                    except Unsealable as error:
                        problems.append(f"{name}: {error}")
        self.stdout.write(f"{done} files were encrypted again.")
        if problems:
            raise CommandError("\n".join(("Keep the older keys, for these were not:", *problems)))
