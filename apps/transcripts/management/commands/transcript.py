from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from apps.conversations.selectors import session_find
from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant
from apps.transcripts.presenting import as_text, document


class Command(BaseCommand):
    help = "Prints what was said in a session, also while it runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session_id", help="the session's id (sess_...) or its call's")
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--json", action="store_true", help="as docs/transcripts.md describes it")

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
            told = document(session)
        if options["json"]:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode())
        else:
            self.stdout.write(as_text(told), ending="")
