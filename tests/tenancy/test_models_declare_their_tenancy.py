"""Every table belongs to tenants, or is global on purpose; the database agrees."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core import checks
from django.db import connection, connections, models

from antiphon.config.env import PROJECT
from apps.core.models import TenantManager, TenantModel

GLOBAL = {
    "privacy.SigningKey",
    "account.EmailAddress",
    "account.EmailConfirmation",
    "accounts.User",
    "billing.StripeEvent",
    "mfa.Authenticator",
    "socialaccount.SocialAccount",
    "socialaccount.SocialApp",
    "socialaccount.SocialToken",
    "usersessions.UserSession",
    "tenants.Tenant",
    "admin.LogEntry",
    "auth.Group",
    "auth.Permission",
    "contenttypes.ContentType",
    "sessions.Session",
}
MAY_GO_ACROSS = {
    "apps/api/tasks.py",
    "apps/billing/auditing.py",
    "apps/billing/keeper.py",
    "apps/billing/tasks.py",
    "apps/core/tenancy.py",
    "apps/core/staff.py",
    "apps/credentials/rotation.py",
    "apps/customers/tasks.py",
    "apps/conversations/event_log.py",
    "apps/conversations/sample_usage.py",
    "apps/conversations/tasks.py",
    "apps/files/management/commands/seal_files.py",
    "apps/jobs/management/commands/jobs.py",
    "apps/jobs/tasks.py",
    "apps/keys/tasks.py",
    "apps/recordings/tasks.py",
    "apps/reports/tasks.py",
    "apps/tenants/tasks.py",
    "apps/transcripts/management/commands/transcript.py",
    "apps/webhooks/sending.py",
    "apps/webhooks/tasks.py",
    "apps/usage/recorder.py",
}

TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantModel)]


def test_every_model_is_a_tenants_or_global_on_purpose() -> None:
    undeclared = {model._meta.label for model in apps.get_models() if not issubclass(model, TenantModel)}
    assert undeclared == GLOBAL


@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_manager_of_a_tenant_model_is_scoped(model: type[models.Model]) -> None:
    managers = (model._base_manager, model._default_manager, *model._meta.managers)
    assert all(isinstance(manager, TenantManager) for manager in managers)


def test_an_unscoped_manager_is_reported_by_the_system_check(monkeypatch: pytest.MonkeyPatch) -> None:
    unscoped = models.Manager()
    unscoped.name = "unscoped"
    monkeypatch.setattr(TENANT_MODELS[0]._meta, "managers", (unscoped,))
    assert "tenancy.E001" in {found.id for found in checks.run_checks(tags=[checks.Tags.models])}


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_row_security_is_enabled_forced_and_has_one_policy(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s",
            [model._meta.db_table],
        )
        assert cursor.fetchone() == (True, True)
        cursor.execute(
            "SELECT qual = with_check, qual LIKE '%%app.tenant_id%%', roles::text"
            " FROM pg_policies WHERE tablename = %s",
            [model._meta.db_table],
        )
        assert cursor.fetchall() == [(True, True, "{public}")]


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_links_between_tenant_tables_include_the_tenant(model: type[models.Model]) -> None:
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel):
            with connection.cursor() as cursor:
                constraints = connection.introspection.get_constraints(cursor, model._meta.db_table).values()
            columns = [constraint["columns"] for constraint in constraints if constraint["foreign_key"]]
            assert ["tenant_id", field.column] in columns


@pytest.mark.django_db(databases=["default", "across"])
def test_the_applications_role_is_bound_by_row_security_and_the_other_is_not() -> None:
    query = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    with connections["default"].cursor() as app, connections["across"].cursor() as across:
        app.execute(query)
        across.execute(query)
        assert (app.fetchone(), across.fetchone()) == ((False, False), (False, True))
        app.execute("SELECT pg_has_role('antiphon_across', 'MEMBER')")
        assert app.fetchone() == (False,)


@pytest.mark.django_db(databases=["default", "across"])
def test_the_database_check_is_content_with_the_roles() -> None:
    assert checks.run_checks(tags=[checks.Tags.database], databases=["default"]) == []


def database_problems(monkeypatch: pytest.MonkeyPatch, app: str, across: str) -> list[str | None]:
    """What the check finds with these aliases in the places of DATABASE_URL and ACROSS_DATABASE_URL."""
    monkeypatch.setattr("apps.core.checks.APP_DATABASE", app)
    monkeypatch.setattr("apps.core.checks.ACROSS_DATABASE", across)
    return [found.id for found in checks.run_checks(tags=[checks.Tags.database], databases=[app])]


@pytest.mark.django_db(databases=["default", "across"])
def test_the_database_check_refuses_roles_that_are_swapped_or_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert database_problems(monkeypatch, "across", "default") == ["tenancy.E003", "tenancy.E004"]
    assert database_problems(monkeypatch, "across", "across") == ["tenancy.E003"]
    assert database_problems(monkeypatch, "default", "default") == ["tenancy.E004"]


@pytest.mark.django_db(databases=["default", "across"])
def test_the_database_check_says_how_to_make_the_roles_of_a_server_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connections["across"].settings_dict, "HOST", "/nowhere")
    (problem,) = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert problem.id == "tenancy.E002"
    assert "CREATE ROLE antiphon_across LOGIN NOSUPERUSER BYPASSRLS" in (problem.hint or "")


@pytest.mark.django_db
def test_lookups_belong_to_the_bypassing_role_and_have_a_locked_search_path() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, pg_get_userbyid(proowner), array_to_string(proconfig, ';'),"
            " has_function_privilege('public', oid, 'EXECUTE')"
            " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname"
        )
        expected = ("antiphon_across", "search_path=pg_catalog, pg_temp", False)
        lookups = (
            "api_key_lookup",
            "api_keys_revoked",
            "client_secret_lookup",
            "invitation_lookup",
            "membership_lookup",
            "session_search",
            "tenant_of_stripe_customer",
        )
        assert cursor.fetchall() == [(name, *expected) for name in lookups]


def test_only_the_named_modules_go_across_tenants() -> None:
    sources = [
        path
        for path in (PROJECT / "apps").rglob("*.py")
        if re.search(r"\bacross_tenants\(", path.read_text())
    ]
    assert {str(Path(path).relative_to(PROJECT)) for path in sources} == MAY_GO_ACROSS
