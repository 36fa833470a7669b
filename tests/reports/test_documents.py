"""What each kind of report says, and that its sums are the ledger's."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Prompt
from apps.billing.ledger import balances
from apps.billing.models import Account, LedgerTransaction
from apps.core.tenancy import atomic, tenant_context
from apps.jobs.kinds import JobFailed
from apps.reports.documents import document_of
from apps.reports.models import ReportKind
from apps.reports.parameters import Wanted, checked
from apps.reports.tables import Document
from apps.transcripts.models import Transcript
from apps.usage.filtering import NONE, UsageFilter
from apps.usage.rollups import rollups_rebuild
from tests.analytics.conversations import looked_at, session_of, turns_of
from tests.billing.books import Line, record
from tests.cast import Person
from tests.reports.reading import (
    as_csv,
    as_pdf,
    as_workbook,
    csv_sum,
    pdf_pages,
    pdf_totals,
    sheet_rows,
    sheet_sum,
)
from tests.usage_lines import use

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 8, 9, tzinfo=UTC)
FIRST, LAST = date(2026, 6, 8), date(2026, 6, 14)


@pytest.fixture(autouse=True)
def as_acme(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def report(kind: ReportKind, **fields: Any) -> Document:
    days = {} if kind == ReportKind.SESSION else {"first": FIRST, "last": LAST}
    return document_of(checked(Wanted(kind, **(days | fields))), title="Title", workspace="Acme")


def rows_of(document: Document, title: str) -> list[tuple[Any, ...]]:
    section = next(section for section in document.sections if section.title == title)
    return [tuple(row) for row in section.rows()]


def posted(alice: Person, *prices: int) -> None:
    """Lines of usage as the recorder writes and posts them, and their sums."""
    LedgerTransaction.objects.exists()  # tells the connection whose it is
    with atomic(), connection.connection.cursor() as cursor:
        lines = [
            Line(alice.tenant.id, price, posting_id=uuid.uuid4(), at=AT + n * timedelta(hours=7))
            for n, price in enumerate(prices)
        ]
        record(cursor, *lines)
    rollups_rebuild(tenant_id=alice.tenant.id)


@pytest.mark.parametrize(
    ("kind", "sheet"), [(ReportKind.USAGE, "Usage records"), (ReportKind.COST, "By day and model")]
)
def test_the_sums_of_all_formats_are_the_ledgers(alice: Person, kind: ReportKind, sheet: str) -> None:
    posted(alice, 1, 999_999, 123_456_789, 7, 350_001, 3)
    charged = balances()[Account.USAGE_REVENUE]
    assert charged == 124_806_800
    document = report(kind)
    assert csv_sum(as_csv(document), "Price (USD)") == charged
    rows = sheet_rows(as_workbook(document), sheet)
    assert sheet_sum(rows, "Price (USD)") == (charged, charged)
    totals = pdf_totals(pdf_pages(as_pdf(document)))
    assert totals
    assert set(totals) == {charged}


def test_usage_is_every_record_of_the_days(alice: Person) -> None:
    key = alice.make_key("Website").key
    use(AT, api_key_id=key.id, quantity=20)
    use(AT + timedelta(days=6, hours=14, minutes=59), estimated=True, api_key_id=uuid.uuid4())
    use(AT - timedelta(days=1))
    use(AT + timedelta(days=7))
    rows = rows_of(report(ReportKind.USAGE), "Usage records")
    assert [(row[0], row[6], row[7], row[8]) for row in rows] == [
        (AT, 20, 60, ""),
        (AT + timedelta(days=6, hours=14, minutes=59), 10, 30, "estimated"),
    ]
    assert rows[0][9] == "Website"
    assert str(rows[1][9]).startswith("deleted: ")


def test_no_report_has_what_the_operator_pays() -> None:
    use(AT)
    for kind in (ReportKind.USAGE, ReportKind.COST):
        assert "424242" not in str(as_csv(report(kind)))
        assert "0.424242" not in "".join(pdf_pages(as_pdf(report(kind))))


def test_usage_is_narrowed() -> None:
    use(AT, model="groq/a")
    use(AT, model="groq/b", is_priced=False, price_micro=0)
    document = report(ReportKind.USAGE, only=UsageFilter(model="groq/b", agent=NONE))
    assert [(row[4], row[8]) for row in rows_of(document, "Usage records")] == [("groq/b", "without a price")]
    assert ("Only", "model groq/b, no agent") in document.about


def test_cost_is_told_by_group_and_by_day() -> None:
    use(AT, model="groq/a", quantity=100)
    use(AT + timedelta(days=1), model="groq/b", quantity=300)
    use(AT + timedelta(days=1), model="groq/a", quantity=100, estimated=True)
    document = report(ReportKind.COST)
    assert rows_of(document, "By model") == [
        ("groq/b", 1, 900, 0, 0, 60.0),
        ("groq/a", 2, 600, 300, 0, 40.0),
    ]
    assert rows_of(document, "By day") == [
        (date(2026, 6, 8), 1, 300, 0, 0),
        (date(2026, 6, 9), 2, 1200, 300, 0),
    ]
    assert as_csv(document)[1:] == [
        ["2026-06-08", "groq/a", "1", "0.000300", "0.000000", "0"],
        ["2026-06-09", "groq/a", "1", "0.000300", "0.000300", "0"],
        ["2026-06-09", "groq/b", "1", "0.000900", "0.000000", "0"],
    ]


@pytest.mark.parametrize(
    ("group", "label"),
    [
        ("kind", "Language model"),
        ("agent", "No agent"),
        ("api_key", "No API key"),
        ("customer", "No customer"),
    ],
)
def test_cost_is_told_apart_in_each_way(group: str, label: str) -> None:
    use(AT)
    section = report(ReportKind.COST, group=group).sections[0]
    assert [row[0] for row in section.rows()] == [label]


def test_quality_has_the_numbers_of_analytics() -> None:
    session = session_of("s1", AT, turns=2, errors=1, cost_micro=3_000_000)
    turns_of(session, (100, 200, 300), (100, 200, 500, True))
    looked_at(session, "resolved", "positive")
    session_of("s2", AT, end_reason="crashed")
    document = report(ReportKind.QUALITY)
    assert rows_of(document, "In short") == [("All", 2, 2.0, 2, 50.0, 50.0, 100.0, 3_000_000, 1_500_000)]
    in_all = next(row for row in rows_of(document, "Latency by stage") if row[1] == "In all")
    assert in_all == ("All", "In all", 2, 700, 780, 790, 798)
    assert rows_of(document, "Outcomes") == [("All", "Resolved", 1, 50.0)]
    assert sorted(row[1] for row in rows_of(document, "Why sessions ended")) == [
        "The client closed the connection",
        "The server's process was lost",
    ]
    course = rows_of(document, "Course by day")
    assert len(course) == 7
    assert type(course[0][0]) is date
    assert course[0][1:4] == (2, 2, 700)
    assert "Latency in all" in "".join(pdf_pages(as_pdf(document)))


def test_agents_stand_side_by_side() -> None:
    for slug, ms in (("front-desk", 100), ("night-desk", 900)):
        agent = agent_create(name=slug.title(), slug=slug)
        spec = AgentSpec(prompt=Prompt(instructions="Help."))
        agent = agent_save_draft(agent=agent, spec=spec, revision=agent.draft_revision)
        version = agent_publish(agent=agent)
        session = session_of(slug, AT, agent_version=version)
        turns_of(session, (ms, ms, ms))
        looked_at(session, "unresolved")
    session_of("without", AT)
    document = report(ReportKind.AGENTS)
    assert [row[0] for row in rows_of(document, "Side by side")] == ["Front-Desk", "Night-Desk"]
    outcomes = rows_of(document, "What became of sessions")
    assert [row[:3] for row in outcomes] == [("Front-Desk", 0, 1), ("Night-Desk", 0, 1)]
    versions = report(ReportKind.AGENTS, group="version")
    assert [row[0] for row in rows_of(versions, "Side by side")] == ["Front-Desk v1", "Night-Desk v1"]
    assert len(as_workbook(versions)["Side by side"]._charts) == 1


def test_a_sheet_has_all_of_a_session() -> None:
    session = session_of("sess_sheet", AT, turns=1, safety_identifier="user-1")
    turns_of(session, (100, 200, 300))
    looked_at(session, "resolved")
    entries = [
        {"kind": "user", "start_ms": 1200, "end_ms": 2000, "text": "Wie spät ist es?"},
        {"kind": "call", "start_ms": 2100, "end_ms": 2200, "name": "clock", "text": "{}"},
        {"kind": "assistant", "start_ms": 2500, "end_ms": 4000, "text": "Es ist", "unheard": "neun Uhr."},
    ]
    Transcript.objects.create(session=session, entries=entries, made_at=AT)
    use(AT, session_id="sess_sheet", quantity=1000)
    document = report(ReportKind.SESSION, session_id="sess_sheet")
    assert rows_of(document, "Transcript") == [
        ("0:01", "User", "Wie spät ist es?"),
        ("0:02", "Calls", "clock: {}"),
        ("0:02", "Agent", "Es ist [neun Uhr.]"),
    ]
    assert ("Outcome", "Resolved") in rows_of(document, "Insights")
    assert rows_of(document, "Latency of turns")[0][2:6] == (100, 200, 300, 600)
    assert rows_of(document, "What it cost")[0][3:5] == (1000, 3000)
    text = "".join(pdf_pages(as_pdf(document)))
    assert "Wie spät ist es?" in text
    assert "[neun Uhr.]" in text


def test_a_sheet_of_a_session_that_is_gone_fails_with_a_sentence(mallory: Person) -> None:
    with tenant_context(mallory.tenant.id):
        session_of("sess_hers", AT)
    with pytest.raises(JobFailed, match="There is no session sess_hers"):
        report(ReportKind.SESSION, session_id="sess_hers")
