"""`manage.py prepare`: what a database needs before the first start and after an update, in one process."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrates the database, makes sure of the demo tenant and prints its sign-in and key as JSON."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        call_command("migrate", verbosity=0)
        call_command("ensure_demo_tenant", stdout=self.stdout)
