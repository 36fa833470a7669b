"""What a tenant used: the pages, their filters and their files, against lines made by hand."""

import asyncio
import csv
import io
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import AsyncClient, Client

from apps.agents.services import agent_create, agent_publish
from apps.conversations.models import RealtimeSession
from apps.core.tenancy import tenant_context
from apps.dashboard.paging import PAGE_ROWS
from apps.dashboard.usage import MOST_ROWS
from apps.tenants.models import Role
from apps.usage.periods import Period, period_between, period_named
from tests.cast import PASSWORD, Person, member_of
from tests.usage_lines import use

pytestmark = pytest.mark.django_db

NOON = datetime.now(UTC).replace(hour=12, minute=30, second=15, microsecond=0)
TODAY = NOON.date()
DAY = timedelta(days=1)
OPERATORS_COST = "424242"


def signed_in(person: Person) -> Client:
    client = Client()
    assert client.login(email=person.user.email, password=PASSWORD)
    return client


@pytest.fixture
def client(alice: Person) -> Client:
    return signed_in(alice)


def shown(client: Client, query: str = "") -> int:
    """The spend that the page tells."""
    micro: int = client.get(f"/acme/usage/?{query}").context["use"].price_micro
    return micro


def test_it_works(client: Client, alice: Person) -> None:
    key = alice.make_key(name="Phone line").key
    with tenant_context(alice.tenant.id):
        version = agent_publish(agent=agent_create(slug="desk", name="Front desk", template="receptionist"))
        use(NOON, quantity=1000, api_key_id=key.id, agent_version_id=version.id, session_id="sess_one")
        use(NOON - DAY, quantity=500, unit="character", kind="speech", model="local/piper", estimated=True)
        RealtimeSession.objects.create(
            session_id="sess_one",
            model="agent/desk",
            api_key=key,
            started_at=NOON,
            alive_at=NOON,
            ended_at=NOON,
            responses=4,
            user_audio_ms=90_000,
            assistant_audio_ms=30_000,
        )
    page = client.get("/acme/usage/")
    assert [figure.value for figure in page.context["figures"]] == [
        *("$0.0045", "1,000", "1", "4", "1.5", "0.5")
    ]
    rows = {
        table.title: [(row.label, row.use.price_micro) for row in table.rows]
        for table in page.context["tables"]
    }
    assert rows == {
        "By model": [("groq/some-model", 3000), ("local/piper", 1500)],
        "By kind": [("Language model", 3000), ("Text to speech", 1500)],
        "By agent": [("Front desk", 3000), ("No agent", 1500)],
        "By API key": [("Phone line", 3000), ("No key, in the playground", 1500)],
    }
    text = page.content.decode()
    assert 'aria-current="page" >By model' in text
    assert "$0.0015 of the spend is an estimate" in text
    assert "without a price" not in text
    assert OPERATORS_COST not in text


def test_a_tenant_that_used_nothing_is_told_how_to_begin(client: Client, mallory: Person) -> None:
    with tenant_context(mallory.tenant.id):
        use(NOON)
    page = client.get("/acme/usage/").content.decode()
    assert "Nothing was used yet" in page
    assert "Talk in the playground" in page


def test_days_without_use_lead_back_to_the_usual_ones(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        use(NOON - 50 * DAY)
    page = client.get("/acme/usage/").content.decode()
    assert "Nothing was used yet" not in page
    assert "Show the last 30 days" in page


def test_periods_are_whole_days_of_utc(client: Client, alice: Person) -> None:
    midnight = NOON.replace(hour=0, minute=0, second=0)
    moment = timedelta(microseconds=1)
    with tenant_context(alice.tenant.id):
        use(midnight, quantity=1)
        use(midnight - moment, quantity=10)
        use(midnight - 6 * DAY, quantity=100)
        use(midnight - 6 * DAY - moment, quantity=1000)
        use(midnight - 29 * DAY - moment, quantity=10_000)
    assert shown(client, "period=today") == 3
    assert shown(client, "period=7") == 333
    assert shown(client, "period=30") == shown(client) == 3333
    yesterday = TODAY - DAY
    assert shown(client, f"first={yesterday}&last={yesterday}") == 30
    assert shown(client, f"first={TODAY - 30 * DAY}") == 33_333
    assert shown(client, f"last={TODAY - 6 * DAY}") == 33_300


def test_a_named_period_is_of_today() -> None:
    today = date(2026, 3, 31)
    assert period_named("today", today=today) == Period(today, today)
    assert period_named("7", today=today) == Period(date(2026, 3, 25), today)
    assert period_named("month", today=today) == Period(date(2026, 3, 1), today)
    assert period_named("year", today=today) is None


def test_a_period_of_ones_own_is_at_most_a_year_and_ends_today() -> None:
    today = date(2026, 3, 31)
    assert period_between(date(2026, 1, 1), date(2026, 12, 31), today=today) == Period(
        date(2026, 1, 1), today
    )
    assert period_between(None, None, today=today) == Period(date(2026, 3, 2), today)
    assert period_between(None, date.min, today=today) == Period(date.min, date.min)
    for first in (date(2026, 4, 1), date(2025, 3, 30), date.min):
        with pytest.raises(ValueError, match="Choose"):
            period_between(first, None, today=today)


def test_days_that_make_no_period_are_told(client: Client) -> None:
    for query in (f"first={TODAY + DAY}", "first=2020-01-01", "first=nonsense"):
        page = client.get(f"/acme/usage/records/?{query}")
        assert page.status_code == 200
        assert page.context["form"].errors["first"]
        assert page.context["form"].asked_period.days == 30


def test_the_course_of_a_day_is_told_by_the_hour(client: Client, alice: Person) -> None:
    yesterday = NOON - DAY
    with tenant_context(alice.tenant.id):
        use(yesterday, quantity=1_000_000)
        use(yesterday + timedelta(hours=1), quantity=500_000, kind="speech")
    chart = client.get(f"/acme/usage/?first={yesterday.date()}&last={yesterday.date()}").context["cost_chart"]
    assert chart["step"] == "hour"
    assert len(chart["moments"]) == 24
    values = {series["label"]: series["values"] for series in chart["series"]}
    assert (values["Language model"][12], values["Text to speech"][13]) == (3.0, 1.5)
    by_day = client.get("/acme/usage/?period=7").context["cost_chart"]
    assert (by_day["step"], len(by_day["moments"])) == ("day", 7)
    assert [series["values"][5] for series in by_day["series"]] == [3.0, 1.5]


def test_each_row_opens_what_it_stands_for(client: Client, alice: Person) -> None:
    key = alice.make_key(name="Phone line").key
    with tenant_context(alice.tenant.id):
        versions = [
            agent_publish(agent=agent_create(slug=slug, name=slug.title(), template="receptionist"))
            for slug in ("desk", "night")
        ]
        use(NOON, quantity=1, api_key_id=key.id, agent_version_id=versions[0].id)
        use(NOON, quantity=10, agent_version_id=versions[1].id, kind="speech", model="local/piper")
        use(NOON, quantity=100, customer_id=uuid.UUID(int=5), agent_version_id=uuid.UUID(int=9))
    page = client.get("/acme/usage/?period=7")
    assert [table.title for table in page.context["tables"]][-1] == "By customer"
    for table in page.context["tables"]:
        for row in table.rows:
            assert shown(client, row.address.removeprefix("?")) == row.use.price_micro, row
            assert "period=7" in row.address
    narrowed = client.get("/acme/usage/?agent=night")
    assert [(label, value) for label, value, _ in narrowed.context["form"].chips] == [("Agent", "Night")]


def test_many_rows_are_some_and_the_others(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        for number in range(MOST_ROWS + 5):
            use(NOON, quantity=100 - number, model=f"groq/model-{number}")
    rows = client.get("/acme/usage/").context["tables"][0].rows
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1].label == "5 others"
    assert sum(row.use.price_micro for row in rows) == shown(client)


def test_what_has_no_price_is_an_alarm(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        use(NOON, is_priced=False, price_micro=0, unit_price=None, per=None, rate_id="", session_id="sess_x")
        use(NOON, session_id="sess_y")
    page = client.get("/acme/usage/").content.decode()
    assert "1 record without a price" in page
    records = client.get("/acme/usage/records/?unpriced=on")
    assert [line.session_id for line, *_ in records.context["rows"]] == ["sess_x"]
    assert "No price" in records.content.decode()


def test_a_query_of_nonsense_asks_for_nothing(client: Client, alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        use(NOON)
    for query in ("kind=soup", "key=soup", "customer=soup", "period=century", "cursor=soup"):
        assert shown(client, query) == 30
        assert client.get(f"/acme/usage/records/?{query}").status_code == 200
    assert shown(client, "agent=soup") == shown(client, f"key={uuid.UUID(int=1)}") == 0


class TestRecords:
    def test_each_line_is_there_with_its_session(self, client: Client, alice: Person) -> None:
        with tenant_context(alice.tenant.id):
            use(NOON, session_id="sess_kept", estimated=True)
            use(NOON - DAY, session_id="sess_gone", unit="input_audio_ms", quantity=61_000)
            RealtimeSession.objects.create(
                session_id="sess_kept", model="x/y", started_at=NOON, alive_at=NOON
            )
        page = client.get("/acme/usage/records/").content.decode()
        assert "/acme/sessions/sess_kept/" in page
        assert "sess_gone" in page
        assert "/acme/sessions/sess_gone/" not in page
        assert "1:01" in page
        assert "Estimated" in page
        assert OPERATORS_COST not in page

    def test_pages_follow_each_other_forth_and_back(self, client: Client, alice: Person) -> None:
        """Also where lines are found by the hours that they are in."""
        with tenant_context(alice.tenant.id):
            for number in range(90):
                use(NOON - number * timedelta(minutes=20), quantity=number + 1)
                use(NOON - number * timedelta(minutes=20), model="acme/other")
        for query in ("", "model=groq/some-model"):
            expected = [n + 1 for n in range(90)] if query else 180
            seen, newer, cursor = [], [], ""
            while cursor is not None:
                page = client.get(f"/acme/usage/records/?{query}&cursor={cursor}").context["page"]
                seen += [line.quantity for line in page.rows]
                newer.append(page.newer)
                cursor = page.older or None
            assert (seen if query else len(seen)) == expected
            back = client.get(f"/acme/usage/records/?{query}&cursor={newer[-1]}").context["page"].rows
            before = PAGE_ROWS * (len(newer) - 2)
            assert [line.quantity for line in back] == seen[before : before + PAGE_ROWS]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("kind=speech", {"two"}),
            ("model=local/piper", {"two"}),
            ("agent=desk", {"one"}),
            ("agent=-", {"two", "three"}),
            ("key=-&kind=response", {"one", "three"}),
            (f"customer={uuid.UUID(int=3)}", {"three"}),
            ("session=three", {"three"}),
            ("session=old", {"old"}),
            ("unpriced=on", {"three"}),
            ("period=today", {"one"}),
            ("model=of/nobody", set()),
        ],
    )
    def test_filters_find_just_what_they_say(
        self, client: Client, alice: Person, query: str, found: set[str]
    ) -> None:
        with tenant_context(alice.tenant.id):
            version = agent_publish(agent=agent_create(slug="desk", name="Desk", template="receptionist"))
            use(NOON, session_id="one", agent_version_id=version.id)
            use(NOON - DAY, session_id="two", kind="speech", model="local/piper")
            use(NOON - 2 * DAY, session_id="three", customer_id=uuid.UUID(int=3), is_priced=False)
            use(NOON - 60 * DAY, session_id="old")
        rows = client.get(f"/acme/usage/records/?{query}").context["rows"]
        assert {line.session_id for line, *_ in rows} == found


class TestFiles:
    async def rows(self, person: Person, path: str, slug: str = "acme") -> list[dict[str, str]]:
        client = AsyncClient()
        await client.aforce_login(person.user)
        response: Any = await client.get(f"/{slug}/usage/{path}")
        text = b"".join([part async for part in response]).decode()
        name = response["content-disposition"]
        assert name == f'attachment; filename="{self.name(path, slug)}"'
        assert OPERATORS_COST not in text
        return list(csv.DictReader(io.StringIO(text)))

    def name(self, path: str, slug: str) -> str:
        kind = "usage-records" if path.startswith("records") else "usage"
        return f"{kind}-{slug}-{TODAY - 6 * DAY}-{TODAY}.csv"

    @pytest.mark.django_db(transaction=True)
    async def test_sums_and_lines_come_to_the_same(self, alice: Person, mallory: Person) -> None:
        def prepare() -> None:
            key = alice.make_key(name="=HYPERLINK(evil)").key
            with tenant_context(mallory.tenant.id):
                use(NOON)
            with tenant_context(alice.tenant.id):
                version = agent_publish(agent=agent_create(slug="desk", name="Desk", template="receptionist"))
                for number in range(5):
                    whose = {"api_key_id": key.id, "agent_version_id": version.id}
                    use(NOON - number * DAY, quantity=number + 1, **whose)
                use(NOON, quantity=7, unit="character", kind="speech", model="=cmd/evil", estimated=True)
                use(NOON - 8 * DAY, quantity=1_000_000)

        await asyncio.to_thread(prepare)
        sums = await self.rows(alice, "export.csv?period=7")
        assert [int(row["price_micro"]) for row in sums] == [15, 12, 9, 6, 3, 21]
        assert sums[0]["day"] == str(TODAY - 4 * DAY)
        assert (sums[0]["api_key"], sums[0]["agent"], sums[0]["agent_version"]) == (
            "'=HYPERLINK(evil)",
            "desk",
            "1",
        )
        assert (sums[-1]["model"], sums[-1]["estimated_micro"]) == ("'=cmd/evil", "21")
        lines = await self.rows(alice, "records/export.csv?period=7")
        assert [row["quantity"] for row in lines] == ["7", "1", "2", "3", "4", "5"]
        assert lines[0]["at"] == NOON.isoformat()
        assert lines[1]["price_usd"] == "0.000003"
        assert sum(int(row["price_micro"]) for row in lines) == sum(int(row["price_micro"]) for row in sums)
        narrowed = await self.rows(alice, "records/export.csv?period=7&kind=speech")
        assert [row["quantity"] for row in narrowed] == ["7"]
        theirs = await self.rows(mallory, "export.csv?period=7", "mallory-inc")
        assert [row["price_micro"] for row in theirs] == ["30"]

    @pytest.mark.django_db(transaction=True)
    async def test_long_files_have_everything_once(
        self, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.dashboard.usage_csv._LINES_AT_ONCE", 3)

        def prepare() -> None:
            with tenant_context(alice.tenant.id):
                for number in range(10):
                    use(NOON, quantity=number)

        await asyncio.to_thread(prepare)
        lines = await self.rows(alice, "records/export.csv?period=7")
        assert sorted(int(row["quantity"]) for row in lines) == list(range(10))


def test_another_tenant_sees_nothing_of_it(client: Client, alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id):
        use(NOON, session_id="sess_of_alice")
    theirs = signed_in(mallory)
    for path in ("", "export.csv", "records/", "records/export.csv"):
        assert theirs.get(f"/acme/usage/{path}").status_code == 404
    assert "sess_of_alice" not in theirs.get("/mallory-inc/usage/records/").content.decode()
    assert theirs.get("/mallory-inc/usage/").context["use"].price_micro == 0


def test_a_viewer_sees_it_and_is_not_sent_to_talk(alice: Person) -> None:
    viewer = signed_in(member_of(alice.tenant, "victor", Role.VIEWER))
    assert "Talk in the playground" not in viewer.get("/acme/usage/").content.decode()
    assert viewer.get("/acme/usage/records/").status_code == 200
