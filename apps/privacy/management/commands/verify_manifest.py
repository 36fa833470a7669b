import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.privacy.signing import BadManifest, manifest_check, public_keys


class Command(BaseCommand):
    help = "Checks that the manifest of an erasure was signed by this platform and is as it was signed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--key", help="the platform's public key in hex; its own keys if this is left out"
        )

    def handle(self, *args: Any, file: Path, key: str | None, **options: Any) -> None:
        try:
            document = json.loads(file.read_text())
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        except ValueError:
            raise CommandError(f"{file} is no JSON.") from None
        try:
            manifest = manifest_check(document, [key] if key else public_keys())
        except BadManifest as bad:
            raise CommandError(str(bad)) from None
        removed = manifest["removed"]
        sessions = sum("session" in part for part in removed)
        files = sum(len(part["files"]) for part in removed)
        self.stdout.write(
            f"The manifest is genuine: {sessions} sessions and {files} files of {manifest['pseudonym']} "
            f"were erased by {manifest['finished_at']}."
        )
