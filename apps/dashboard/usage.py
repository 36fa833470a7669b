"""What a tenant used and what it is billed: by model, agent, key, kind and customer, and line by line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.conversations.models import RealtimeSession
from apps.conversations.totals import Activity, activity_of
from apps.dashboard.charts import chart_of
from apps.dashboard.figures import Figure
from apps.dashboard.forms.usage import RecordsForm, UsageForm
from apps.dashboard.paging import PAGE_ROWS, page_of, place_of
from apps.dashboard.templatetags.amounts import dollars, minutes, quantity
from apps.dashboard.usage_csv import line_csv, sum_csv
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership
from apps.usage.breakdowns import Breakdown, Names, Use, breakdown_of, merged
from apps.usage.filtering import NONE
from apps.usage.lines import Around, has_usage, line_list
from apps.usage.models import Kind, UsageLine
from apps.usage.periods import Period
from apps.usage.presenting import UNIT_NAMES

MOST_ROWS = 20  # of a table; the rest is one row
_COLOURS = {
    Kind.RESPONSE: "--color-primary",
    Kind.SPEECH: "--color-info",
    Kind.TRANSCRIPTION: "--color-warning",
    Kind.CONNECTION: "--color-success",
    Kind.TOOL: "--color-error",
    Kind.TRANSPORT: "--color-secondary",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`address` leads to the page narrowed to it; `share` is its part of what all was billed, in percent."""

    label: str
    more: str
    address: str
    use: Use
    share: float


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    what: str
    rows: Sequence[Row]


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form = UsageForm(request.GET)
    period, wanted = form.asked_period, form.wanted
    found = breakdown_of(period, wanted)
    activity: Mapping[datetime, Activity] | None = None
    if wanted.is_of_sessions:
        activity = activity_of(
            since=period.since, before=period.before, wanted=wanted, hourly=period.is_hourly
        )
    context: dict[str, Any] = {
        "form": form,
        "period": period,
        "use": found.total,
        "is_used": bool(found.total.records) or bool(activity),
        "is_new": not found.total.records and not activity and wanted.is_empty and not has_usage(),
        "figures": figures_of(found.total, activity),
        "tables": tables_of(found, form),
        "units": [(name, quantity(use.quantity, name), use) for name, use in found.by["unit"].items()],
        "unit_names": UNIT_NAMES,
        "cost_chart": cost_chart(period, found) if found.total.price_micro else None,
        "activity_chart": activity_chart(period, activity) if activity else None,
    }
    return render(request, "dashboard/usage/page.html", context)


@require_safe
@tenant_page()
def export(request: HttpRequest, membership: PersonalMembership) -> StreamingHttpResponse:
    form = UsageForm(request.GET)
    period = form.asked_period
    rows = sum_csv(membership.tenant_id, period, form.wanted)
    return _as_file(rows, f"usage-{membership.tenant_slug}-{period.first}-{period.last}.csv")


@require_safe
@tenant_page()
def records(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    form, cursor = RecordsForm(request.GET), request.GET.get("cursor", "")
    place = place_of(cursor, UsageLine)
    around = Around(PAGE_ROWS, place[1], forwards=place[0]) if place else Around(PAGE_ROWS)
    page = page_of(line_list(**form.lines_asked, around=around), by="at", cursor=cursor)
    there = RealtimeSession.objects.filter(session_id__in={line.session_id for line in page.rows})
    context = {
        "form": form,
        "period": form.asked_period,
        "page": page,
        "rows": [(line, quantity(line.quantity, line.unit), *_named(line, form.names)) for line in page.rows],
        "there": set(there.values_list("session_id", flat=True)),
        "base": form.query(),
        "unit_names": UNIT_NAMES,
    }
    return render(request, "dashboard/usage/records.html", context)


@require_safe
@tenant_page()
def records_export(request: HttpRequest, membership: PersonalMembership) -> StreamingHttpResponse:
    form = RecordsForm(request.GET)
    period, rows = form.asked_period, line_csv(membership.tenant_id, form.lines_asked)
    return _as_file(rows, f"usage-records-{membership.tenant_slug}-{period.first}-{period.last}.csv")


def figures_of(use: Use, activity: Mapping[datetime, Activity] | None) -> Sequence[Figure]:
    """`activity` is None where not whole sessions are asked for."""
    figures = [Figure("Spend", dollars(use.price_micro)), Figure("Tokens", f"{use.tokens:,}")]
    if activity is None:
        return [*figures, Figure("Records", f"{use.records:,}")]
    done = sum(activity.values(), Activity())
    return [
        *figures,
        Figure("Sessions", f"{done.sessions:,}"),
        Figure("Responses", f"{done.responses:,}"),
        Figure("Minutes heard", minutes(done.user_audio_ms)),
        Figure("Minutes spoken", minutes(done.assistant_audio_ms)),
    ]


def tables_of(found: Breakdown, form: UsageForm) -> Sequence[Table]:
    """What nobody tells apart has no table."""
    by, names = found.by, form.names
    agents = {slug: name for slug, name, _ in names.agents.values()}
    agent_of = merged(by["agent_version_id"], lambda id: names.agent_slug(id) or (None if id is None else id))

    def table(
        title: str, what: str, param: str, groups: Mapping[Any, Use], label: Callable[[Any], tuple[str, str]]
    ) -> Table:
        rows = [
            Row(*label(key), _address(form, param, key), use, _share(use, found.total))
            for key, use in list(groups.items())[:MOST_ROWS]
        ]
        if rest := list(groups.values())[MOST_ROWS:]:
            others = sum(rest, Use())
            rows.append(Row(f"{len(rest)} others", "", "", others, _share(others, found.total)))
        return Table(title, what, rows)

    tables = [
        table("By model", "Model", "model", by["model"], lambda name: (name, "")),
        table("By kind", "Kind", "kind", by["kind"], lambda kind: (Kind(kind).label, "")),
        table(
            "By agent",
            "Agent",
            "agent",
            agent_of,
            lambda slug: ("No agent", "") if slug is None else (agents.get(slug, "Deleted"), str(slug)),
        ),
        table(
            "By API key",
            "API key",
            "key",
            by["api_key_id"],
            lambda id: (
                ("No key, in the playground", "") if id is None else (names.keys.get(id, "Deleted"), "")
            ),
        ),
    ]
    if any(by["customer_id"]):
        tables.append(
            table(
                "By customer",
                "Customer",
                "customer",
                by["customer_id"],
                lambda id: ("No customer", "") if id is None else (form.customers.get(id, "Deleted"), ""),
            )
        )
    return tables


def cost_chart(period: Period, found: Breakdown) -> Mapping[str, Any]:
    moments = period.moments(until=timezone.now())
    kinds = [kind for kind in Kind if found.by["kind"].get(kind, Use()).price_micro]
    return chart_of(
        moments,
        *(
            (kind.label, _COLOURS[kind], [_micro_at(found, period, at, kind) / 1_000_000 for at in moments])
            for kind in kinds
        ),
        step="hour" if period.is_hourly else "day",
        unit="dollars",
        stacked=True,
    )


def activity_chart(period: Period, activity: Mapping[datetime, Activity]) -> Mapping[str, Any]:
    moments = period.moments(until=timezone.now())
    done = [activity.get(at, Activity()) for at in moments]
    return chart_of(
        moments,
        ("Responses", "--color-info", [each.responses for each in done]),
        ("Sessions", "--color-warning", [each.sessions for each in done]),
        step="hour" if period.is_hourly else "day",
    )


def _micro_at(found: Breakdown, period: Period, at: datetime, kind: Kind) -> int:
    return found.course.get((at if period.is_hourly else at.astimezone(UTC).date(), kind), 0)


def _address(form: UsageForm, param: str, key: object) -> str:
    return f"?{form.query(**{param: NONE if key is None else str(key)})}"


def _share(use: Use, total: Use) -> float:
    return 100 * use.price_micro / total.price_micro if total.price_micro else 0.0


def _named(line: UsageLine, names: Names) -> tuple[str, str]:
    """Its agent and its key."""
    agent = names.agents.get(line.agent_version_id) if line.agent_version_id else None
    key = names.keys.get(line.api_key_id, "Deleted") if line.api_key_id else ""
    return (f"{agent[1]} v{agent[2]}" if agent else "Deleted" if line.agent_version_id else ""), key


def _as_file(rows: Any, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(rows, content_type="text/csv")
    response["content-disposition"] = f'attachment; filename="{name}"'
    return response
