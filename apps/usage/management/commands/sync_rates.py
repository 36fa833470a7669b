from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from msgspec.structs import replace

from antiphon.metering import price_files
from antiphon.providers.catalogue import loader
from apps.usage.syncing import changes, merged, refreshed
from apps.usage.upstream import NoPrices, Upstream, from_wheel, installed

_Found = tuple[Path, str, list[str]]  # a file, what it should say, and how that differs from what it says


class Command(BaseCommand):
    help = (
        "Compares price lists and catalogue with genai-prices, and writes them with --write. Uses no network."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from-wheel", type=Path, metavar="PATH", help="a wheel to read instead of the installed package"
        )
        parser.add_argument("--write", action="store_true", help="write what changed")
        parser.add_argument(
            "--prices", type=Path, default=price_files.GENERATED, help="the folder of price lists"
        )
        parser.add_argument("--catalogue", type=Path, default=loader.DATA, help="the folder of the catalogue")

    def handle(self, *args: Any, **options: Any) -> None:
        wheel: Path | None = options["from_wheel"]
        try:
            upstream = from_wheel(wheel) if wheel else installed()
        except NoPrices as error:
            raise CommandError(str(error)) from None
        found = [*_prices(options["prices"], upstream), *_catalogue(options["catalogue"], upstream)]
        for path, text, differences in found:
            for difference in differences:
                self.stdout.write(f"{path.stem}: {difference}")
            if options["write"] and differences:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        count = sum(len(differences) for _, _, differences in found)
        verb = "written" if options["write"] else "found; --write writes them"
        self.stdout.write(f"{count} changes {verb} (genai-prices {upstream.version}).")


def _prices(folder: Path, upstream: Upstream) -> Iterator[_Found]:
    today: date = timezone.now().date()
    for file in upstream.price_files(today):
        path = folder / f"{file.provider}.json"
        before = price_files.read(path) if path.is_file() else None
        after = merged(before, file, today) if before else file
        yield path, price_files.text_of(after), list(changes(before, after))


def _catalogue(folder: Path, upstream: Upstream) -> Iterator[_Found]:
    for path in sorted(folder.glob("*.json")):
        file = loader.read(path)
        models = tuple(refreshed(entry, upstream) for entry in file.models)
        differences = [
            f"changed {entry.name}: {after.capabilities}, {after.lifecycle}"
            for entry, after in zip(file.models, models, strict=True)
            if entry != after
        ]
        yield path, loader.text_of(replace(file, models=models)), differences
