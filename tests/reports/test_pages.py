"""The pages of reports, as people use them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django.test import Client

from apps.core.tenancy import tenant_context
from apps.jobs.running import job_run
from apps.reports.models import ReportKind, ReportRun, ReportSchedule
from apps.reports.parameters import Wanted
from apps.reports.selectors import job_of
from apps.tenants.models import Role
from tests.analytics.conversations import session_of
from tests.cast import Person, member_of
from tests.usage_lines import use

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 8, 9, tzinfo=UTC)


@pytest.fixture
def browser(alice: Person, client: Client) -> Iterator[Client]:
    client.force_login(alice.user)
    with tenant_context(alice.tenant.id):
        yield client


def made(run: ReportRun) -> None:
    job = job_of(run)
    assert job is not None
    job_run(job.id)


def test_a_report_is_asked_for_and_downloaded(browser: Client, alice: Person) -> None:
    use(AT)
    given = {"period": "own", "first": "2026-06-08", "last": "2026-06-09", "format": "csv", "group": "agent"}
    answer = browser.post("/acme/reports/new/?kind=cost", given | {"mail": "on"})
    assert answer["location"] == "/acme/reports/"
    (run,) = ReportRun.objects.all()
    assert Wanted.of_json(run.kind, run.parameters) == Wanted(
        ReportKind.COST, date(2026, 6, 8), date(2026, 6, 9), "agent"
    )
    assert run.recipients == [alice.user.email]
    assert run.requested_by_id == alice.membership.id
    assert "Waiting" in browser.get("/acme/reports/").content.decode()
    made(run)
    shown = browser.get("/acme/reports/").content.decode()
    assert "Ready" in shown
    assert "hx-trigger" not in shown.partition('id="reports"')[2].partition(">")[0]
    address = browser.get(f"/acme/reports/{run.id}/download/")["location"]
    assert browser.get(address).status_code == 200


def test_the_list_follows_what_is_being_made(browser: Client) -> None:
    browser.post("/acme/reports/new/?kind=usage", {"period": "30", "format": "pdf"})
    shown = browser.get("/acme/reports/", headers={"hx-request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in shown
    assert "<h1" not in shown


@pytest.mark.parametrize("kind", ["cost", "usage", "quality", "agents", "nonsense"])
def test_each_kind_has_its_form(browser: Client, kind: str) -> None:
    form = browser.get(f"/acme/reports/new/?kind={kind}").context["form"]
    wanted = {"cost": 5, "usage": 5, "quality": 2, "agents": 2, "nonsense": 5}[kind]
    assert len({"kind", "model", "agent", "api_key_id", "customer_id"} & set(form.fields)) == wanted
    assert ("group" in form.fields) == (kind != "usage")


def test_wrong_days_are_told_at_their_field(browser: Client) -> None:
    answer = browser.post("/acme/reports/new/?kind=cost", {"period": "own", "format": "csv"})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"first": ["Choose the first day."]}


def test_one_is_cancelled_made_after_all_and_deleted(browser: Client) -> None:
    browser.post("/acme/reports/new/?kind=cost", {"period": "7", "format": "csv"})
    (run,) = ReportRun.objects.all()
    browser.post(f"/acme/reports/{run.id}/cancel/")
    assert "Cancelled" in browser.get("/acme/reports/").content.decode()
    browser.post(f"/acme/reports/{run.id}/retry/")
    made(run)
    assert "Ready" in browser.get("/acme/reports/").content.decode()
    answer = browser.post(f"/acme/reports/{run.id}/cancel/", follow=True)
    assert "there is nothing to cancel" in answer.content.decode()
    browser.post(f"/acme/reports/{run.id}/delete/")
    assert not ReportRun.objects.exists()


def test_a_sheet_is_made_from_its_session(browser: Client) -> None:
    session_of("sess_1", AT)
    assert "Sheet" in browser.get("/acme/sessions/sess_1/").content.decode()
    assert browser.post("/acme/sessions/sess_1/sheet/")["location"] == "/acme/reports/"
    (run,) = ReportRun.objects.all()
    assert (run.kind, run.session_id, run.format) == ("session", "sess_1", "pdf")


SCHEDULE = {
    "name": "Weekly",
    "group": "model",
    "rule": "week",
    "formats": ["pdf", "csv"],
    "every": "week",
    "weekday": "3",
    "hour": "7",
    "zone": "Europe/Berlin",
    "recipients": "boss@example.com\nann@example.com",
}


def test_a_schedule_is_made_changed_paused_and_deleted(browser: Client) -> None:
    assert browser.post("/acme/reports/schedules/new/?kind=cost", SCHEDULE).status_code == 302
    (schedule,) = ReportSchedule.objects.all()
    assert (schedule.day, schedule.formats) == (3, ["csv", "pdf"])
    assert schedule.recipients == ["boss@example.com", "ann@example.com"]
    page = f"/acme/reports/schedules/{schedule.id}/"
    assert "boss@example.com" in browser.get(page).content.decode()
    browser.post(page, SCHEDULE | {"every": "month", "month_day": "28", "name": "Monthly"})
    schedule.refresh_from_db()
    assert (schedule.name, schedule.every, schedule.day) == ("Monthly", "month", 28)
    browser.post(f"{page}pause/")
    assert "Paused" in browser.get("/acme/reports/schedules/").content.decode()
    browser.post(f"{page}delete/")
    assert not ReportSchedule.objects.exists()


def test_a_wrong_schedule_is_told_at_its_field(browser: Client) -> None:
    answer = browser.post("/acme/reports/schedules/new/?kind=cost", SCHEDULE | {"recipients": "nobody"})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["recipients"]


def test_a_viewer_makes_reports_and_no_schedules(alice: Person, client: Client) -> None:
    vera = member_of(alice.tenant, "vera", Role.VIEWER)
    client.force_login(vera.user)
    assert client.post("/acme/reports/new/?kind=cost", {"period": "7", "format": "csv"}).status_code == 302
    assert client.get("/acme/reports/schedules/new/").status_code == 403
    assert "New schedule" not in client.get("/acme/reports/schedules/").content.decode()
