from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from apps.core.tenancy import tenant_context
from apps.tenants.models import Tenant
from apps.usage.models import UsageLine
from apps.usage.presenting import present_line
from apps.usage.selectors import UsageSums, usage_lines

_COLUMNS = ("at", "session", "kind", "model", "unit", "quantity", "price_micro")
_NOTES = {"estimated": "estimated", "unpriced": "no price"}


def _moment(text: str) -> datetime:
    """In UTC, unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no date or time: write 2026-11-23 or 2026-11-23T14:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Prints what a tenant used, line by line in the order in which it was recorded, and the sums."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument("--session", help="only of the session with this id (sess_...)")
        parser.add_argument("--since", type=_moment, help="a date or time, of UTC; that moment included")
        parser.add_argument("--until", type=_moment, help="a date or time, of UTC; that moment not included")
        parser.add_argument(
            "--json", action="store_true", help="as one JSON object with `records` and `sums`"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        with tenant_context(tenant.id):
            found = usage_lines(session_id=options["session"], since=options["since"], until=options["until"])
            lines = found.order_by("id").iterator(chunk_size=2000)
            self._print_json(lines) if options["json"] else self._print_table(lines)
            if options["session"] and not found.exists():
                self.stderr.write(f"Nothing is recorded of the session {options['session']!r} at that time.")

    def _print_json(self, lines: Iterable[UsageLine]) -> None:
        """Piece by piece: there can be millions."""
        sums = UsageSums()
        self.stdout.write('{"records":[', ending="")
        for number, line in enumerate(_added(lines, sums)):
            text = msgspec.json.encode(present_line(line)).decode()
            self.stdout.write((",\n" if number else "\n") + text, ending="")
        self.stdout.write('\n],"sums":' + msgspec.json.encode(sums.presented()).decode() + "}")

    def _print_table(self, lines: Iterable[UsageLine]) -> None:
        sums = UsageSums()
        for line in _added(lines, sums):
            shown = present_line(line)
            notes = [name for key, name in _NOTES.items() if shown[key]]
            self.stdout.write("  ".join([*(str(shown[name]) for name in _COLUMNS), *notes]))
        total = sums.presented()
        self.stdout.write(f"{total['records']} records, {total['price_micro'] / 1_000_000:.6f} USD")
        for each in total["by_model"]:
            self.stdout.write(
                f"  {each['kind']}  {each['model']}  {each['quantity']:,} {each['unit']}  "
                f"{each['price_micro'] / 1_000_000:.6f} USD"
            )


def _added(lines: Iterable[UsageLine], sums: UsageSums) -> Iterator[UsageLine]:
    for line in lines:
        sums.add(line)
        yield line
