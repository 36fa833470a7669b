"""A tenant's first page: how to begin, and once there are sessions, how they are."""

from collections.abc import Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.agents.selectors import agent_list, live_agents
from apps.billing.warnings import notices
from apps.conversations.live import running_sessions
from apps.conversations.problems import problem_text
from apps.conversations.selectors import problem_list, session_list
from apps.conversations.totals import Totals, sessions_by_day, totals_of
from apps.dashboard.charts import chart_of
from apps.dashboard.figures import Figure, change, worth
from apps.dashboard.templatetags.amounts import dollars, in_ms
from apps.keys.selectors import api_key_list
from apps.tenants.access import tenant_page
from apps.tenants.endpoints import endpoint_urls
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.usage.breakdowns import spends_of
from apps.usage.periods import Period

PERIODS = (7, 30, 90)
_PROBLEMS_SHOWN = 6


@require_safe
@tenant_page()
def page(request: HttpRequest, membership: PersonalMembership) -> HttpResponse:
    if not session_list().exists():
        return render(request, "dashboard/overview/begin.html", _how_to_begin(request, membership))
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isdecimal() and int(asked) in PERIODS else PERIODS[0]
    now = timezone.now()
    period = Period(now.date() - timedelta(days=days - 1), now.date())
    spent, spent_before = spends_of(period, period.before_it)
    problems = problem_list(since=now - timedelta(days=days))[:_PROBLEMS_SHOWN]
    by_day = sessions_by_day(until=now, days=days)
    context = {
        "days": days,
        "periods": PERIODS,
        "figures": figures_of(
            *totals_of(until=now, length=timedelta(days=days)),
            spent=(spent, spent_before),
            days=days,
        ),
        "chart": chart_of(
            [day for day, _, _ in by_day],
            ("Sessions", "--color-primary", [sessions for _, sessions, _ in by_day]),
            ("With errors", "--color-error", [failing for _, _, failing in by_day]),
        ),
        "notices": [] if membership.allows(May.MANAGE_BILLING) else notices(),  # else they are on every page
        "running": running_sessions()[:_PROBLEMS_SHOWN],
        "problems": [(event, problem_text(event.body)) for event in problems],
    }
    return render(request, "dashboard/overview/page.html", context)


def figures_of(now: Totals, before: Totals, *, spent: tuple[int, int], days: int) -> Sequence[Figure]:
    """`spent` in the same two periods, in micro-dollars."""
    return (
        Figure("Sessions", f"{now.sessions:,}", change(now.sessions, before.sessions, days)),
        Figure("Minutes", f"{now.minutes:,.0f}", change(now.minutes, before.minutes, days)),
        Figure("Spend", dollars(spent[0]), change(*spent, days)),
        Figure(
            "Sessions with errors",
            "none" if now.error_rate is None else f"{now.error_rate:.1%}",
            *worth(now.error_rate, before.error_rate, days),
        ),
        Figure(
            "Response, median",
            in_ms(now.response_p50_ms),
            *worth(now.response_p50_ms, before.response_p50_ms, days),
        ),
        Figure(
            "Response, 95 of 100 within",
            in_ms(now.response_p95_ms),
            *worth(now.response_p95_ms, before.response_p95_ms, days),
        ),
    )


def _how_to_begin(request: HttpRequest, membership: PersonalMembership) -> dict[str, object]:
    agent = live_agents().first() or agent_list().first()
    return {
        "agent": agent,
        "is_published": live_agents().exists(),
        "has_key": api_key_list().exists(),
        "model": str(agent) if agent else "gpt-realtime",
        "endpoint": endpoint_urls(membership.tenant_slug, request),
    }
