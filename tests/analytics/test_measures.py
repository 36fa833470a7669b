"""What the numbers of analytics are, and how they are told apart."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from apps.agents.services import agent_create, agent_publish, agent_save_draft
from apps.agents.spec import AgentSpec, Model, Prompt
from apps.analytics.filtering import EVERYTHING, NONE, Filters
from apps.analytics.measures import Measures, Percentiles, Way, measures_of, series_of, usual_step
from apps.core.tenancy import tenant_context
from apps.usage.periods import Period
from tests.analytics.conversations import looked_at, session_of, spoken_in, turns_of
from tests.cast import Person

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 6, 8, 9, tzinfo=UTC)
WEEK = Period(date(2026, 6, 8), date(2026, 6, 14))


@pytest.fixture(autouse=True)
def as_acme(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


def all_of(period: Period = WEEK, filters: Filters = EVERYTHING) -> Measures:
    (row,) = measures_of(period, None, filters)
    return row.measures


def sessions_by(way: Way, filters: Filters = EVERYTHING) -> dict[str | None, int]:
    return {row.key: row.measures.sessions for row in measures_of(WEEK, way, filters)}


def test_it_works() -> None:
    first = session_of("sess_1", MONDAY, lasted=90, turns=4, responses=4, interruptions=2, cost_micro=3000)
    second = session_of("sess_2", MONDAY, lasted=30, turns=2, responses=1, errors=3, end_reason="expired")
    turns_of(first, (100, 200, 300), (200, 300, 400, True), (300, 400, 500))
    turns_of(second, (400, None, None))
    looked_at(first, "resolved", "positive")
    found = all_of()
    assert (found.sessions, found.minutes, found.turns, found.responses) == (2, 2.0, 6, 5)
    assert (found.turns_per_session, found.interruptions_per_session) == (3, 1)
    assert (found.failing, found.error_rate, found.errors) == (1, 0.5, 3)
    assert (found.price_micro, found.micro_per_minute) == (3000, 1500)
    assert found.end_reasons == {"client_closed": 1, "expired": 1}
    assert (found.outcomes, found.sentiments) == ({"resolved": 1}, {"positive": 1})
    assert (found.spoken, found.answered, found.interrupted) == (4, 3, 1)
    assert found.interrupted_share == pytest.approx(1 / 3)
    assert found.latency["transcript"].p50 == 250
    assert found.latency["total"] == Percentiles(900, 1140, 1170, pytest.approx(1194))


def test_nothing_is_nothing_and_not_zero_percent() -> None:
    found = all_of()
    assert found.is_empty
    assert found == Measures()
    rates = (found.error_rate, found.interrupted_share, found.micro_per_minute, found.resolved_share)
    assert rates == (None,) * 4
    assert measures_of(WEEK, "agent") == []


def test_a_session_counts_when_it_began_and_a_turn_when_it_was() -> None:
    late = session_of("sess_1", WEEK.before - timedelta(seconds=2))
    turns_of(late, (1, 1, 1), (1, 1, 1), (1, 1, 1))
    after = Period(WEEK.last + timedelta(days=1), WEEK.last + timedelta(days=1))
    assert (all_of().sessions, all_of().spoken) == (1, 1)
    assert (all_of(after).sessions, all_of(after).spoken) == (0, 2)


def test_an_outcome_that_cannot_be_told_is_not_held_against_the_agent() -> None:
    for number, outcome in enumerate(("resolved", "resolved", "unresolved", "abandoned", "unknown")):
        looked_at(session_of(f"sess_{number}", MONDAY), outcome)
    session_of("sess_of_now", MONDAY)
    found = all_of()
    assert found.outcomes == {"resolved": 2, "unresolved": 1, "abandoned": 1, "unknown": 1}
    assert found.resolved_share == 0.5


def test_an_answer_that_made_no_sound_is_not_interrupted() -> None:
    turns_of(session_of("sess_1", MONDAY), (100, 100, None, True), (100, 100, 100))
    assert (all_of().answered, all_of().interrupted) == (1, 0)


def test_agents_versions_and_models_are_told_apart() -> None:
    agent = agent_create(slug="desk", name="Front desk")
    versions = []
    for revision, model in enumerate(("groq/one", "openai/two")):
        spec = AgentSpec(prompt=Prompt(instructions="Be kind."), model=Model(name=model))
        agent_save_draft(agent=agent, spec=spec, revision=revision)
        versions.append(agent_publish(agent=agent))
    for number, version in enumerate((versions[0], versions[1], versions[1])):
        each = session_of(f"sess_{number}", MONDAY, agent_version=version, model=f"agent/{version}")
        turns_of(each, (100 * (number + 1), 0, 0))
    turns_of(session_of("sess_alone", MONDAY, model="groq/one"), (800, 0, 0))

    assert [(row.key, row.label) for row in measures_of(WEEK, "agent")] == [
        ("desk", "Front desk"),
        (None, "No agent"),
    ]
    by_version = {row.label: row.measures.latency["total"].p50 for row in measures_of(WEEK, "version")}
    assert by_version == {"Front desk v1": 100, "Front desk v2": 250, "No agent": 800}
    assert sessions_by("model") == {"groq/one": 2, "openai/two": 2}
    assert sessions_by("version", Filters(agent="desk")) == {str(versions[0].id): 1, str(versions[1].id): 2}
    assert all_of(filters=Filters(agent=str(versions[1].id))).spoken == 2
    assert all_of(filters=Filters(agent=NONE)).spoken == 1
    assert all_of(filters=Filters(model="groq/one")).latency["total"].p50 == 450
    assert all_of(filters=Filters(agent="nobody")).is_empty


def test_languages_and_outcomes_are_told_apart() -> None:
    german, english = session_of("sess_1", MONDAY), session_of("sess_2", MONDAY)
    spoken_in(german, "de", "en")
    spoken_in(english, "en")
    turns_of(german, (100, 100, 100), language="de")
    turns_of(german, language="de")
    turns_of(english, (200, 200, 200), (200, 200, 200))
    looked_at(german, "resolved")
    session_of("sess_3", MONDAY)

    assert sessions_by("language") == {"de": 1, "en": 1, None: 1}
    assert {row.label for row in measures_of(WEEK, "language")} == {"de", "en", "Not known"}
    assert (
        all_of(filters=Filters(language="en")).sessions,
        all_of(filters=Filters(language="en")).spoken,
    ) == (
        1,
        2,
    )
    assert all_of(filters=Filters(language=NONE)).sessions == 1
    by_outcome = {
        row.label: (row.measures.sessions, row.measures.spoken) for row in measures_of(WEEK, "outcome")
    }
    assert by_outcome == {"Resolved": (1, 1), "Not told yet": (2, 2)}
    assert all_of(filters=Filters(outcome="resolved")).latency["total"].p50 == 300
    assert all_of(filters=Filters(outcome=NONE)).spoken == 2


def test_the_course_has_every_moment_also_the_empty_ones() -> None:
    turns_of(session_of("sess_1", MONDAY), (100, 100, 100))
    turns_of(session_of("sess_2", MONDAY + timedelta(days=2)), (200, 200, 200))
    course = series_of(WEEK, "day")
    assert [at.day for at, _ in course] == list(range(8, 15))
    assert [each.sessions for _, each in course] == [1, 0, 1, 0, 0, 0, 0]
    assert [each.latency["total"].p50 for _, each in course[:3]] == [300, None, 600]
    assert len(series_of(WEEK, "hour")) == 7 * 24
    assert len(series_of(WEEK, "day", until=MONDAY)) == 1
    midweek = Period(WEEK.first + timedelta(days=2), WEEK.last + timedelta(days=2))
    weeks = series_of(midweek, "week")
    assert [at.date() for at, _ in weeks] == [WEEK.first, WEEK.first + timedelta(days=7)]
    assert weeks[0][1].sessions == 1


def test_a_long_period_is_told_in_longer_steps() -> None:
    def step_of(days: int) -> str:
        return usual_step(Period(WEEK.first, WEEK.first + timedelta(days=days - 1)))

    assert [step_of(days) for days in (1, 2, 3, 92, 93)] == ["hour", "hour", "day", "day", "week"]


def test_another_tenants_sessions_do_not_count(mallory: Person) -> None:
    with tenant_context(mallory.tenant.id):
        theirs = session_of("sess_1", MONDAY)
        turns_of(theirs, (100, 100, 100))
        looked_at(theirs, "resolved")
    assert all_of().is_empty
    assert measures_of(WEEK, "outcome") == []
