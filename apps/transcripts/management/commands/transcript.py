import uuid
from argparse import ArgumentParser
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from apps.conversations.selectors import session_find
from apps.core.tenancy import across_tenants, tenant_context
from apps.tenants.models import Tenant
from apps.transcripts.presenting import as_text, document


class Command(BaseCommand):
    help = "Prints what was said in a session, also while it runs."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session_id", help="the session's id (sess_...) or its call's")
        parser.add_argument("--tenant", help="the slug of the tenant whose it must be")
        parser.add_argument("--json", action="store_true", help="as docs/transcripts.md describes it")

    def handle(self, *args: Any, **options: Any) -> None:
        session_id, slug = options["session_id"], options["tenant"]
        with tenant_context(_tenant_id(slug) if slug else _owner_of(session_id)):
            session = session_find(session_id)
            if session is None:
                raise CommandError(
                    f"The tenant {slug!r} has no session {session_id!r}, or it is no longer kept."
                )
            told = document(session)
        if options["json"]:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode())
        else:
            self.stdout.write(as_text(told), ending="")


def _tenant_id(slug: str) -> uuid.UUID:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant {slug!r}.")
    return tenant.id


def _owner_of(session_id: str) -> uuid.UUID:
    with across_tenants(reason="manage.py transcript"):
        session = session_find(session_id)
        if session is None:
            raise CommandError(f"There is no session {session_id!r}, or it is no longer kept.")
        return session.tenant_id
