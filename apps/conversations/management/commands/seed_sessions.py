from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.conversations.sample_usage import sample_usage_delete
from apps.conversations.samples import (
    MARK,
    sample_with_sound,
    samples_create,
    samples_delete,
    samples_finish,
    sessions_exist,
)
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Makes sample sessions, to try the dashboard with: nobody held them. --delete removes them again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--sessions", type=int, default=10_000, help="how many (10000)")
        parser.add_argument("--days", type=int, default=60, help="over how many days until now (60)")
        parser.add_argument(
            "--with-events", type=int, default=300, help="how many of the newest have a log (300)"
        )
        parser.add_argument(
            "--with-usage", type=int, default=3000, help="how many of the newest have usage records (3000)"
        )
        parser.add_argument(
            "--sound", action="store_true", help="and one more to listen to, spoken by the embedded voice"
        )
        parser.add_argument("--delete", action="store_true", help="delete the samples instead")
        parser.add_argument("--yes", action="store_true", help="also in a tenant that has real sessions")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        with tenant_context(tenant.id):
            if options["delete"]:
                deleted = sum(samples_delete())
                sample_usage_delete(tenant_id=tenant.id, mark=MARK)
                print(f"{deleted} sample sessions deleted.")
                return
            if sessions_exist() and not options["yes"]:
                raise CommandError(
                    f"The tenant {tenant.slug!r} has real sessions, which the samples would mix with: choose "
                    "another tenant, or say --yes."
                )
            made = samples_create(
                sessions=options["sessions"],
                days=options["days"],
                with_events=options["with_events"],
                with_usage=options["with_usage"],
            )
            if options["sound"]:
                print(sample_with_sound().session_id)
            samples_finish()
        print(f"{made} sample sessions made. Remove them with --delete.")
