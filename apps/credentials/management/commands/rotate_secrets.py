from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.credentials.rotation import secrets_rotate
from apps.credentials.sealing import Unsealable


class Command(BaseCommand):
    help = "Encrypts all tenants' keys again under the newest of ENCRYPTION_KEYS, so that the others can go."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotation = secrets_rotate()
        except Unsealable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{rotation.done} secrets were encrypted again.")
        if rotation.problems:
            raise CommandError("\n".join(("Keep the older keys, for these were not:", *rotation.problems)))
