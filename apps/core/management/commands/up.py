"""`manage.py up`: all of Antiphon in the foreground, with its own database where none is named."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from antiphon.config.env import env
from antiphon.embedded.launch import Launch


class Command(BaseCommand):
    help = "Starts Antiphon: PostgreSQL and Valkey unless you name yours by URL, the web, the worker."
    requires_system_checks = ()  # no database yet

    def handle(self, *_args: Any, **_options: Any) -> None:
        sys.exit(Launch(env(), self._write).run())

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()
