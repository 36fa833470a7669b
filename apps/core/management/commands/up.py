"""`manage.py up`: all of Antiphon in the foreground, with its own database where none is named."""

import ctypes
import os
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from antiphon.config.env import env
from antiphon.embedded.launch import Launch
from antiphon.embedded.process import StartError


class Command(BaseCommand):
    help = "Starts Antiphon: PostgreSQL and Valkey unless you name yours by URL, the web, the worker."
    requires_system_checks = ()  # no database yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--end-with-parent", action="store_true", help="stop when the process that started this one ends"
        )

    def handle(self, *_args: Any, end_with_parent: bool, **_options: Any) -> None:
        if end_with_parent:
            _stop_with(os.getppid())
        try:
            Launch(env(), self._write).run()
        except StartError as error:
            self.stderr.write(str(error))
            sys.exit(1)

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


def _stop_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent ends, which `make` does without a word if it is killed."""
    pr_set_pdeathsig = 1  # <linux/prctl.h>
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)
