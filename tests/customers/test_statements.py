"""What a tenant's customers owe it: statements that equal their lines to the micro-dollar and never change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from unittest import mock

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.tenancy import tenant_context
from apps.customers.charges import charged_about, charges_between, charges_due, lines_of, total_of
from apps.customers.models import Customer, CustomerMarkup, Statement, StatementLine
from apps.customers.pricing import Markup, markup_at, resale_micro
from apps.customers.services import customer_markup_set, statement_issue
from apps.customers.tasks import issue_statements_of
from apps.usage.models import UsageLine
from tests.cast import Person
from tests.customers.used import customer_of, use

JUNE = date(2026, 6, 1)
TENTH = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_june(db: None) -> Iterator[None]:
    with now_is(datetime(2026, 6, 1, 0, 30, tzinfo=UTC)):
        yield


def now_is(at: datetime) -> "mock._patch[mock.Mock]":
    return mock.patch("django.utils.timezone.now", return_value=at)


@pytest.fixture
def as_alice(alice: Person) -> Iterator[None]:
    with tenant_context(alice.tenant.id):
        yield


@pytest.fixture
def globex(alice: Person) -> Customer:
    return customer_of(alice, "globex", markup_bp=2500)


@pytest.fixture
def initech(alice: Person) -> Customer:
    return customer_of(alice, "initech", markup_bp=0)


def issued(customer: Customer, month: date = JUNE, *, at: datetime | None = None) -> Statement:
    with now_is(at or datetime(month.year, month.month, 28, tzinfo=UTC) + timedelta(days=5)):
        return statement_issue(customer=customer, month=month)


def lines(statement: Statement) -> list[StatementLine]:
    return list(statement.lines.all())


@pytest.mark.usefixtures("as_alice")
class TestStatements:
    def test_it_works(self, alice: Person, globex: Customer, initech: Customer) -> None:
        use(alice, globex, TENTH, 1, 2, 3)  # each rounded by itself: 1.25, 2.5 and 3.75
        use(alice, globex, TENTH + timedelta(days=1), 1_000_000, unit="input_token")
        use(alice, initech, TENTH, 7)
        use(alice, None, TENTH, 11)
        statement = issued(globex)
        assert [
            (line.day.day, line.unit, line.records, line.price_micro, line.resale_micro)
            for line in lines(statement)
        ] == [
            (10, "output_token", 3, 6, 1 + 3 + 4),
            (11, "input_token", 1, 1_000_000, 1_250_000),
        ]
        assert (statement.price_micro, statement.resale_micro) == (1_000_006, 1_250_008)
        assert statement.margin_micro == 250_002
        assert statement.resale_micro == sum(line.resale_micro for line in lines_of(globex))
        assert issued(initech).resale_micro == 7

    def test_names_are_those_of_its_day(self, alice: Person, globex: Customer) -> None:
        statement = issued(globex)
        Customer.objects.filter(id=globex.pk).update(name="Another")
        statement.refresh_from_db()
        assert (statement.tenant_name, statement.customer_name) == ("Acme", "Globex")

    def test_a_markup_of_mid_month_holds_from_then_on(self, alice: Person, globex: Customer) -> None:
        use(alice, globex, TENTH, 100)
        with now_is(TENTH + timedelta(hours=1)):
            customer_markup_set(customer=globex, markup_bp=5000)
        use(alice, globex, TENTH + timedelta(minutes=59), 100)
        use(alice, globex, TENTH + timedelta(hours=1), 100)
        assert [(line.markup_bp, line.records, line.resale_micro) for line in lines(issued(globex))] == [
            (2500, 2, 250),
            (5000, 1, 150),
        ]

    def test_a_markup_of_today_does_not_change_what_was(self, alice: Person, globex: Customer) -> None:
        use(alice, globex, TENTH, 100)
        before = total_of(charges_between(globex, first=JUNE, last=date(2026, 6, 30)))
        with now_is(datetime(2026, 7, 2, tzinfo=UTC)):
            customer_markup_set(customer=globex, markup_bp=9000)
        assert issued(globex).resale_micro == before.resale_micro == 125

    def test_a_month_begins_and_ends_in_utc(self, alice: Person, globex: Customer) -> None:
        end = datetime(2026, 7, 1, tzinfo=UTC)
        use(alice, globex, datetime(2026, 6, 1, tzinfo=UTC), 100)
        use(alice, globex, end - timedelta(microseconds=1), 100)
        use(alice, globex, end, 1000)
        assert issued(globex).price_micro == 200
        assert issued(globex, date(2026, 7, 1)).price_micro == 1000

    def test_what_was_recorded_late_is_on_the_next_one(self, alice: Person, globex: Customer) -> None:
        use(alice, globex, TENTH, 100)
        first = issued(globex)
        use(alice, globex, TENTH, 60)
        use(alice, globex, TENTH + timedelta(days=30), 10)
        second = issued(globex, date(2026, 7, 1))
        assert [(line.day, line.records, line.price_micro, line.resale_micro) for line in lines(second)] == [
            (date(2026, 6, 10), 1, 60, 75),
            (date(2026, 7, 10), 1, 10, 13),
        ]
        first.refresh_from_db()
        assert first.resale_micro + second.resale_micro == sum(line.resale_micro for line in lines_of(globex))
        assert charges_due(globex, until=date(2026, 8, 1)) == {}

    def test_a_month_that_lasts_has_none(self, globex: Customer) -> None:
        with pytest.raises(ValidationError, match="June 2026 is not over yet"):
            issued(globex, at=datetime(2026, 6, 30, 23, 59, tzinfo=UTC))

    def test_a_month_has_one(self, globex: Customer) -> None:
        issued(globex)
        with pytest.raises(ValidationError, match="was issued already"):
            issued(globex)

    def test_none_is_before_a_later_one(self, globex: Customer) -> None:
        issued(globex, date(2026, 7, 1))
        with pytest.raises(ValidationError, match="a statement of July 2026 already"):
            issued(globex)

    def test_it_cannot_be_changed(self, alice: Person, globex: Customer) -> None:
        use(alice, globex, TENTH, 100)
        statement = issued(globex)
        for rows in (Statement, StatementLine, CustomerMarkup):
            with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
                rows.objects.all().delete()
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            Statement.objects.filter(id=statement.pk).update(resale_micro=0)

    def test_a_markup_can_be_set_for_a_later_moment_and_no_earlier_one(self, globex: Customer) -> None:
        customer_markup_set(customer=globex, markup_bp=100, valid_from=TENTH)
        with pytest.raises(ValidationError, match="in the future"):
            customer_markup_set(customer=globex, markup_bp=1, valid_from=datetime(2026, 5, 31, tzinfo=UTC))
        with pytest.raises(ValidationError, match="from that moment on already"):
            customer_markup_set(customer=globex, markup_bp=1, valid_from=TENTH)
        with pytest.raises(ValidationError, match="greater than or equal to -10000"):
            customer_markup_set(customer=globex, markup_bp=-10_001)

    def test_beat_issues_those_of_all_months_that_are_over(
        self, alice: Person, globex: Customer, initech: Customer
    ) -> None:
        use(alice, globex, TENTH, 100)
        use(alice, globex, TENTH + timedelta(days=62), 10)
        use(alice, globex, TENTH + timedelta(days=93), 1)
        with now_is(datetime(2026, 9, 1, 5, 59, tzinfo=UTC)):
            issue_statements_of(alice.tenant.id)
            assert [str(each) for each in Statement.objects.all()] == ["globex 2026-06"]
        for _ in range(2):
            with now_is(datetime(2026, 9, 1, 6, tzinfo=UTC)):
                issue_statements_of(alice.tenant.id)
            assert [str(each) for each in Statement.objects.all()] == ["globex 2026-08", "globex 2026-06"]


class TestOthers:
    def test_another_tenants_customer_of_the_same_name_is_another(
        self, alice: Person, mallory: Person, globex: Customer
    ) -> None:
        theirs = customer_of(mallory, "globex", markup_bp=0)
        use(alice, globex, TENTH, 100)
        use(mallory, theirs, TENTH, 5)
        with tenant_context(mallory.tenant.id):
            assert issued(theirs).price_micro == 5
            assert Customer.objects.count() == Statement.objects.count() == 1
            assert charges_due(globex, until=date(2026, 8, 1)) == {}

    def test_a_line_that_names_it_in_another_tenant_is_none_of_its(
        self, alice: Person, mallory: Person, globex: Customer
    ) -> None:
        use(mallory, globex, TENTH, 5)
        with tenant_context(alice.tenant.id):
            assert issued(globex).price_micro == 0


@settings(max_examples=50, deadline=None)
@given(
    price=st.integers(0, 10**12),
    markup=st.integers(-10_000, 1_000_000),
)
def test_a_charge_is_the_exact_one_rounded_half_up(price: int, markup: int) -> None:
    exact = price * (10_000 + markup)
    charged = resale_micro(price, markup)
    assert -5_000 <= charged * 10_000 - exact - 1 < 5_000 or charged * 10_000 - exact == 5_000


@pytest.mark.usefixtures("as_alice")
def test_the_database_charges_the_same(alice: Person, globex: Customer) -> None:
    prices = (0, 1, 2, 3, 4, 5, 7, 999_999_999_999)
    for number, markup in enumerate((-10_000, -5000, -1, 1, 3333, 5000, 1_000_000)):
        with now_is(TENTH + timedelta(hours=number)):
            customer_markup_set(customer=globex, markup_bp=markup)
        use(alice, globex, TENTH + timedelta(hours=number), *prices)
    markups = [Markup(row.valid_from, row.markup_bp) for row in globex.markups.all()]
    found = list(lines_of(globex))
    assert len(found) == 56
    for line in found:
        assert line.markup_bp == markup_at(markups, line.at)
        assert line.resale_micro == resale_micro(line.price_micro, line.markup_bp)


@pytest.mark.usefixtures("as_alice")
def test_what_a_month_comes_to_so_far_is_told_from_sums(alice: Person, globex: Customer) -> None:
    use(alice, globex, TENTH, 100, 300)
    with now_is(TENTH + timedelta(hours=1)):
        customer_markup_set(customer=globex, markup_bp=5000)
    use(alice, globex, TENTH + timedelta(hours=1), 1000)
    use(alice, globex, TENTH + timedelta(days=30), 1)
    june = {"first": JUNE, "last": date(2026, 6, 30)}
    about, exact = charged_about(globex, **june), total_of(charges_between(globex, **june))
    assert about == exact
    assert (about.records, about.resale_micro) == (3, 500 + 1500)


@pytest.mark.usefixtures("as_alice")
def test_only_days_with_late_lines_are_read_again(alice: Person, globex: Customer) -> None:
    for day in range(3):
        use(alice, globex, TENTH + timedelta(days=day), 100)
    issued(globex)
    use(alice, globex, TENTH, 1)
    asked: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        asked.append(f"{sql} {params}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        due = charges_due(globex, until=date(2026, 7, 1))
    read = [sql for sql in asked if UsageLine._meta.db_table in sql]
    assert len(read) == 1
    assert "datetime.datetime(2026, 6, 10" in read[0]
    assert "datetime.datetime(2026, 6, 12" not in read[0]
    assert total_of(due).price_micro == 1
