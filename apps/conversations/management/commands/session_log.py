from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from apps.conversations.selectors import session_events, session_find
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant


class Command(BaseCommand):
    help = "Prints the log of a session as JSON lines, one for each event."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session_id", help="the session's id (sess_...) or its call's")
        parser.add_argument("--tenant", required=True, help="the tenant's slug")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        with tenant_context(tenant.id):
            session = session_find(options["session_id"])
            if session is None:
                raise CommandError(
                    f"The tenant {tenant.slug!r} has no session {options['session_id']!r}, or it is no longer kept."
                )
            for event in session_events(session):
                line = {
                    "seq": event.seq,
                    "at": event.at,
                    "direction": event.direction,
                    "type": event.type,
                    "response_id": event.response_id,
                    "item_id": event.item_id,
                    "body": event.body,
                }
                self.stdout.write(msgspec.json.encode(line).decode())
