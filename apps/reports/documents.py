"""The documents of reports, by their kind."""

from collections.abc import Callable, Mapping
from datetime import UTC

from django.utils import timezone

from apps.reports.kinds import agents, cost, quality, sheet, usage
from apps.reports.kinds.naming import Naming, period_told
from apps.reports.models import ReportKind
from apps.reports.parameters import GROUPS, Wanted
from apps.reports.tables import Document, Section

_PRICES = "Prices are what the workspace is billed, in US dollars. Days are those of UTC."
_SECTIONS: Mapping[ReportKind, Callable[[Wanted, Naming], list[Section]]] = {
    ReportKind.USAGE: usage.sections,
    ReportKind.COST: cost.sections,
    ReportKind.QUALITY: quality.sections,
    ReportKind.AGENTS: agents.sections,
    ReportKind.SESSION: sheet.sections,
}


def document_of(wanted: Wanted, *, title: str, workspace: str) -> Document:
    """Of the current tenant. Raises JobFailed for what it can't be made of."""
    naming = Naming.now()
    about = [("Report", wanted.kind.label)]
    if wanted.kind != ReportKind.SESSION:
        about.append(("Period", period_told(wanted.period)))
    if wanted.group:
        about.append(("Told apart by", GROUPS[wanted.kind][wanted.group]))
    if only := naming.told(wanted.only):
        about.append(("Only", only))
    about.append(("Made", f"{timezone.now().astimezone(UTC):%Y-%m-%d %H:%M} UTC"))
    return Document(title, workspace, about, _SECTIONS[wanted.kind](wanted, naming), [_PRICES])
