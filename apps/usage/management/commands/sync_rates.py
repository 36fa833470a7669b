from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from antiphon.metering.price_files import GENERATED, PriceFile, read, text_of
from apps.usage.syncing import changes, merged
from apps.usage.upstream import NoPrices, from_wheel, installed


class Command(BaseCommand):
    help = "Compares the price lists with genai-prices, and writes them with --write. Reads no network."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from-wheel", type=Path, metavar="PATH", help="a wheel to read instead of the installed package"
        )
        parser.add_argument("--write", action="store_true", help="write what changed")
        parser.add_argument("--folder", type=Path, default=GENERATED, help="where the price lists are")

    def handle(self, *args: Any, **options: Any) -> None:
        wheel: Path | None = options["from_wheel"]
        try:
            upstream = from_wheel(wheel) if wheel else installed()
        except NoPrices as error:
            raise CommandError(str(error)) from None
        folder: Path = options["folder"]
        today = timezone.now().date()
        count = 0
        for path, before, after in self._files(folder, upstream.price_files(today), today):
            found = list(changes(before, after))
            count += len(found)
            for change in found:
                self.stdout.write(f"{after.provider}: {change}")
            if options["write"] and (found or before is None):
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text_of(after))
        verb = "written" if options["write"] else "found; --write writes them"
        self.stdout.write(f"{count} changes {verb} (genai-prices {upstream.version}).")

    def _files(
        self, folder: Path, files: Iterator[PriceFile], today: date
    ) -> Iterator[tuple[Path, PriceFile | None, PriceFile]]:
        for file in files:
            path = folder / f"{file.provider}.json"
            before = read(path) if path.is_file() else None
            yield path, before, merged(before, file, today) if before else file
