"""One session on paper: what it was, what was said, how long answers took, what it cost and what came of it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta

from apps.conversations.costs import costs_of
from apps.conversations.models import RealtimeSession
from apps.jobs.kinds import JobFailed
from apps.reports.kinds.naming import Naming
from apps.reports.parameters import Wanted
from apps.reports.tables import Chart, Column, Row, Section, Shows, fixed
from apps.transcripts.entries import Entry
from apps.transcripts.models import TurnTime
from apps.transcripts.selectors import entries_of, insights_find
from apps.usage.presenting import UNIT_NAMES
from apps.usage.selectors import usage_lines

_WHO = {
    "user": "User",
    "assistant": "Agent",
    "system": "System",
    "call": "Calls",
    "result": "Result",
    "problem": "Problem",
}
_FACT = (Column("Fact"), Column("Value", width=4))


def sections(wanted: Wanted, naming: Naming) -> list[Section]:
    """Raises JobFailed if the session is gone."""
    session = (
        RealtimeSession.objects.select_related("agent_version__agent", "customer", "api_key")
        .filter(session_id=wanted.session_id)
        .first()
    )
    if session is None:
        raise JobFailed(f"There is no session {wanted.session_id}: it was deleted.")
    facts, insights = _facts(session), list(_insights(session))
    said = [_said(entry) for entry in entries_of(session)]
    times = list(TurnTime.objects.filter(session=session).order_by("number"))
    costs = list(_costs(session))
    return [
        Section("Facts", _FACT, fixed(facts), len(facts)),
        *([Section("Insights", _FACT, fixed(insights), len(insights))] if insights else []),
        Section("Transcript", _TRANSCRIPT, fixed(said), len(said), _NOTE if said else ""),
        Section(
            "Latency of turns", _LATENCY, fixed([_time(t) for t in times]), len(times), chart=_chart(times)
        ),
        Section("What it cost", _COSTS, fixed(costs), len(costs)),
    ]


_NOTE = "Times are since the session began. Text in [brackets] was said by the agent and not heard."
_TRANSCRIPT = (Column("Time", width=0.7), Column("Who", width=0.8), Column("Text", width=6))
_LATENCY = (
    Column("Turn", Shows.INTEGER, 0.6),
    Column("At", Shows.MOMENT, 1.6),
    Column("Transcript", Shows.MS),
    Column("First token", Shows.MS),
    Column("First audio", Shows.MS),
    Column("In all", Shows.MS),
    Column("Interrupted", width=0.9),
)
_COSTS = (
    Column("Part", width=1.2),
    Column("Model", width=2),
    Column("Unit", width=1.4),
    Column("Quantity", Shows.INTEGER),
    Column("Price", Shows.MONEY, is_summed=True),
    Column("Remark"),
)


def _facts(session: RealtimeSession) -> list[Row]:
    version = session.agent_version
    told = [
        ("Session", session.session_id),
        ("Call", session.call_id),
        ("Agent", f"{version.agent.name} v{version.number}" if version else ""),
        ("Model", session.model),
        ("Kind", session.get_kind_display()),
        ("Began", f"{session.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
        (
            "Ended",
            f"{session.ended_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if session.ended_at else "not yet",
        ),
        ("Lasted", str(timedelta(seconds=round(session.lasted.total_seconds())))),
        ("Why it ended", session.get_end_reason_display()),
        ("API key", session.api_key.name if session.api_key else ""),
        ("Customer", session.customer.name if session.customer else ""),
        ("End user", session.safety_identifier),
        ("Turns", f"{session.turns:,}"),
        ("Responses", f"{session.responses:,}, {session.interruptions:,} interrupted"),
        ("Errors", f"{session.errors:,}"),
        ("Heard of the user", _clock(session.user_audio_ms)),
        ("Spoken by the agent", _clock(session.assistant_audio_ms)),
    ]
    return [fact for fact in told if fact[1]]


def _insights(session: RealtimeSession) -> Iterable[Row]:
    insights = insights_find(session)
    if insights is None:
        return
    yield "Summary", insights.summary or "none"
    yield "Outcome", insights.get_outcome_display()
    yield "Sentiment", insights.get_sentiment_display()
    for name, value in insights.data.items():
        yield str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _said(entry: Entry) -> Row:
    who, text = _WHO[entry.kind], entry.text
    if entry.kind in ("call", "result"):
        text = f"{entry.name}: {text}" if entry.name else text
    if entry.unheard:
        text = f"{text} [{entry.unheard}]".strip()
    if not text:
        text = "(no words)"
    return _clock(entry.start_ms), f"{who}, aside" if entry.aside else who, text


def _time(turn: TurnTime) -> Row:
    return (
        turn.number,
        turn.at,
        turn.transcript_ms,
        turn.first_token_ms,
        turn.first_audio_ms,
        turn.total_ms,
        "yes" if turn.interrupted else "",
    )


def _chart(times: Sequence[TurnTime]) -> Chart | None:
    answered = [turn for turn in times if turn.total_ms is not None]
    if not answered:
        return None
    stages = [
        (name, [float(getattr(turn, field) or 0) for turn in answered])
        for name, field in (
            ("Transcript", "transcript_ms"),
            ("First token", "first_token_ms"),
            ("First audio", "first_audio_ms"),
        )
    ]
    return Chart("Where the time went", [str(turn.number) for turn in answered], stages, shows=Shows.MS)


def _costs(session: RealtimeSession) -> Iterable[Row]:
    for part in costs_of(usage_lines(session_id=session.session_id)):
        for line in part.lines:
            remark = (
                "" if line.is_priced and not line.estimated else "estimated" if line.is_priced else "no price"
            )
            unit = dict(UNIT_NAMES).get(line.unit, line.unit)  # type: ignore[call-overload]
            yield part.name, line.model, unit, line.quantity, line.price_micro, remark


def _clock(ms: int) -> str:
    """`3:05`"""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}:{seconds:02}"
