"""How well agents do: numbers, latencies over time, groups side by side, and what came of sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.analytics.measures import STAGES, WAYS, Measures, Percentiles, Row, Stage, measures_of, series_of
from apps.analytics.selectors import default_view_of, saved_view_list
from apps.conversations.models import EndReason
from apps.conversations.selectors import session_list
from apps.dashboard.analytics_table import COLUMNS, Column, measures_csv, sessions_query, sorted_rows
from apps.dashboard.charts import chart_of
from apps.dashboard.figures import Figure, change, worth
from apps.dashboard.forms.analytics import AnalyticsForm, SavedViewForm
from apps.dashboard.templatetags.amounts import dollars, in_ms
from apps.tenants.access import tenant_page
from apps.tenants.selectors import PersonalMembership
from apps.transcripts.models import Outcome, Sentiment

_LINES = {
    "p50": ("Half within", "--color-primary"),
    "p90": ("90 of 100 within", "--color-warning"),
    "p99": ("99 of 100 within", "--color-error"),
}
_STEP_NAMES = {"hour": "hour", "day": "day", "week": "week"}


@dataclass(frozen=True, slots=True)
class Share:
    """`percent` of all sessions that the card tells of; `width` of the longest of its bars."""

    label: str
    sessions: int
    percent: float
    width: float


@dataclass(frozen=True, slots=True)
class Head:
    label: str
    address: str
    sorted: str  # as aria-sort has it; empty if by another column
    is_number: bool


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    if not request.GET and (view := default_view_of(member_id=membership.membership_id)):
        return redirect(f"{reverse('analytics', args=[membership.tenant_slug])}?{view.query}")
    form = AnalyticsForm(request.GET)
    period, filters, by = form.asked_period, form.filters, form.group_by
    (found,) = measures_of(period, None, filters, names=form.names)
    context: dict[str, Any] = {"form": form, "period": period, "is_used": not found.measures.is_empty}
    if found.measures.is_empty:
        context["is_new"] = filters.is_empty and not session_list().exists()
    else:
        stage, names, now = form.asked_stage, form.names, timezone.now()
        (before,) = measures_of(period.before_it, None, filters, names=names, stages=["total"])
        course = series_of(period, form.asked_step, filters, until=now, names=names, stages=[stage])
        rows = [found]
        if by is not None:
            rows = measures_of(period, by, filters, names=names, stages=["total"])
        context |= {
            "figures": figures_of(found.measures, before.measures, period.days),
            "stage": STAGES[stage],
            "step": form.asked_step,
            "latency_chart": _latency_chart(course, stage, form.asked_step),
            "sessions_chart": _sessions_chart(course, form.asked_step),
            "stages": [(label, found.measures.latency[name]) for name, label in STAGES.items()],
            "heads": _heads(form, "All" if by is None else WAYS[by]),
            "rows": _table(rows, form, membership),
            "shares": shares_of(found.measures),
        }
    context |= _views(form, membership)
    return render(request, "dashboard/analytics/page.html", context)


@require_safe
@tenant_page()
def export(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    """The table, with every number that there is."""
    form = AnalyticsForm(request.GET)
    period = form.asked_period
    rows = measures_of(period, form.group_by, form.filters, names=form.names)
    name = f"analytics-{membership.tenant_slug}-{period.first}-{period.last}.csv"
    return HttpResponse(
        measures_csv(sorted_rows(rows, form.cleaned_data.get("sort", "")), form.group_by),
        content_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def figures_of(now: Measures, before: Measures, days: int) -> Sequence[Figure]:
    total, total_before = now.latency["total"], before.latency["total"]
    return (
        Figure(
            "Sessions",
            f"{now.sessions:,}",
            change(now.sessions, before.sessions, days),
            what="Conversations that began in these days.",
            anchor="sessions",
        ),
        Figure(
            "Minutes",
            f"{now.minutes:,.0f}",
            change(now.minutes, before.minutes, days),
            what="From the beginning of each session to its end.",
            anchor="minutes",
        ),
        Figure(
            "Response, median",
            in_ms(total.p50),
            *worth(total.p50, total_before.p50, days),
            what="Half of the answers began within it, counted from the end of the user's speech.",
            anchor="latencies",
        ),
        Figure(
            "Response, 95 of 100 within",
            in_ms(total.p95),
            *worth(total.p95, total_before.p95, days),
            what="Only 5 of 100 answers took longer to begin.",
            anchor="latencies",
        ),
        Figure(
            "Interrupted answers",
            _percent(now.interrupted_share),
            *worth(now.interrupted_share, before.interrupted_share, days),
            what="The share of spoken answers that the user talked over.",
            anchor="interruptions",
        ),
        Figure(
            "Sessions with errors",
            _percent(now.error_rate),
            *worth(now.error_rate, before.error_rate, days),
            what="The share of sessions in which something failed.",
            anchor="errors",
        ),
        Figure(
            "Resolved",
            _percent(now.resolved_share),
            *worth(now.resolved_share, before.resolved_share, days, more_is_better=True),
            what="Of the sessions whose outcome can be told, those in which the user got what they wanted.",
            anchor="outcomes",
        ),
        Figure(
            "Cost per minute",
            "none" if now.micro_per_minute is None else dollars(round(now.micro_per_minute)),
            *worth(now.micro_per_minute, before.micro_per_minute, days),
            what="What the sessions are billed, by their minutes.",
            anchor="cost-per-minute",
        ),
    )


def shares_of(measures: Measures) -> Sequence[tuple[str, str, str, Sequence[Share]]]:
    """Title, sentence, place in the documentation, and bars; what is not told of any session has no card."""
    return [
        (title, text, anchor, _bars(counts, labels))
        for title, text, anchor, counts, labels in (
            (
                "Outcomes",
                "What became of what users wanted.",
                "outcomes",
                measures.outcomes,
                dict(Outcome.choices),
            ),
            (
                "Sentiment",
                "How users felt about it.",
                "sentiment",
                measures.sentiments,
                dict(Sentiment.choices),
            ),
            (
                "Why sessions ended",
                "The client hanging up is the usual way.",
                "why-sessions-ended",
                measures.end_reasons,
                dict(EndReason.choices),
            ),
        )
        if counts
    ]


def _bars(counts: Mapping[str, int], labels: Mapping[str, Any]) -> Sequence[Share]:
    every, most = sum(counts.values()), max(counts.values())
    return [
        Share(str(labels.get(name, name)), count, 100 * count / every, 100 * count / most)
        for name, count in sorted(counts.items(), key=lambda each: -each[1])
    ]


def _latency_chart(
    course: Sequence[tuple[Any, Measures]], stage: Stage, step: Any
) -> Mapping[str, Any] | None:
    shares = [measures.latency[stage] for _, measures in course]
    if all(each == Percentiles() for each in shares):
        return None
    return chart_of(
        [at for at, _ in course],
        *(
            (label, colour, [getattr(each, name) for each in shares])
            for name, (label, colour) in _LINES.items()
        ),
        step=step,
        unit="ms",
        lines=True,
    )


def _sessions_chart(course: Sequence[tuple[Any, Measures]], step: Any) -> Mapping[str, Any]:
    return chart_of(
        [at for at, _ in course],
        ("Sessions", "--color-primary", [measures.sessions for _, measures in course]),
        ("With errors", "--color-error", [measures.failing for _, measures in course]),
        step=step,
    )


def _heads(form: AnalyticsForm, what: str) -> Sequence[Head]:
    asked = form.cleaned_data.get("sort") or "-sessions"
    heads = []
    for column in (Column("name", what, lambda row: row.label, str, is_number=False), *COLUMNS):
        is_sorted, descends = asked.lstrip("-") == column.name, asked.startswith("-")
        other = column.name if is_sorted and descends else f"-{column.name}"
        if column.name == "name" and not is_sorted:
            other = column.name
        state = ("descending" if descends else "ascending") if is_sorted else ""
        heads.append(Head(column.label, f"?{form.query(sort=other)}", state, column.is_number))
    return heads


def _table(rows: Sequence[Row], form: AnalyticsForm, membership: PersonalMembership) -> Sequence[Any]:
    """Of each: label, the address of its sessions, and label and text of its cells."""
    there = reverse("sessions", args=[membership.tenant_slug])
    shown = []
    for row in sorted_rows(rows, form.cleaned_data.get("sort", "")):
        query = sessions_query(form, row.key)
        cells = [(column.label, column.text(row)) for column in COLUMNS]
        shown.append((row.label, f"{there}?{query}" if query else "", cells))
    return shown


def _views(form: AnalyticsForm, membership: PersonalMembership) -> Mapping[str, Any]:
    query = form.query() or form.cleared
    views = list(saved_view_list(member_id=membership.membership_id))
    return {
        "query": query,
        "views": views,
        "view": next((view for view in views if view.query == query), None),
        "save_form": SavedViewForm(auto_id="save_%s"),
    }


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"
