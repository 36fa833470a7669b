import sys
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from antiphon.providers.vendors import SERVER_KINDS, VENDORS
from apps.core.tenancy import tenant_context
from apps.credentials.models import ProviderCredential, TenantProvider
from apps.credentials.selectors import provider_of
from apps.credentials.services import credential_check, credential_set, provider_put
from apps.tenants.models import Tenant

_WORKS_AS: Mapping[str, str] = {
    "language": "the model of a session (text)",
    "realtime": "the model of a session (speech to speech)",
    "speech_to_text": "transcription.model",
    "text_to_speech": "audio.output.model",
}


class Command(BaseCommand):
    help = (
        "Gives a tenant a provider: its own key for a known vendor (--slug groq --key K), or a server of its own "
        "(--slug acme --dialect openai --base-url URL --key K). Running it again replaces what was there."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--slug", required=True, help="the first part of the names of its models")
        parser.add_argument(
            "--dialect", choices=SERVER_KINDS, default="openai", help="of a server of one's own"
        )
        parser.add_argument(
            "--base-url", default="", metavar="URL", help="what paths are added to: ends in /v1, mostly"
        )
        parser.add_argument(
            "--key",
            default="",
            help="the API key; - reads it from standard input, where no list of processes shows it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        slug = options["slug"]
        key = sys.stdin.readline().strip() if options["key"] == "-" else options["key"]
        try:
            with tenant_context(tenant.id):
                if slug in VENDORS:
                    row: ProviderCredential | TenantProvider = credential_set(
                        provider=slug, key=key, base_url=options["base_url"]
                    )
                else:
                    row = provider_put(
                        slug=slug, dialect=options["dialect"], base_url=options["base_url"], key=key
                    )
                self._tell(row, slug, tenant)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None

    def _tell(self, row: ProviderCredential | TenantProvider, slug: str, tenant: Tenant) -> None:
        self.stdout.write(f"Sessions of {tenant.slug} that begin from now on can use {slug}/<any model> as")
        for service in provider_of(row).services:
            self.stdout.write(f"  {_WORKS_AS[service.kind]}")
        try:
            credential_check(row=row)
        except ValidationError as error:
            self.stdout.write(" ".join(error.messages))
            return
        self.stdout.write(row.check_error or f"{slug} answers, and takes the key.")
