"""System checks: models declare their tenancy correctly, and the database enforces it.

The database check runs before every `migrate`.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from antiphon.embedded.roles import ROLES_SQL
from apps.core.models import TenantManager, TenantModel
from apps.core.tenancy import ACROSS_DATABASE, APP_DATABASE, own_connection

_HINT = (
    "`manage.py up` brings a database of its own when DATABASE_URL is unset. For another server, run this "
    "once as its superuser, with passwords of your own, and set DATABASE_URL and ACROSS_DATABASE_URL:\n"
    + ROLES_SQL
)


@register(Tags.models)
def tenant_models_are_scoped(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The managers of {model._meta.label} must be TenantManagers.",
            hint="Let its Meta inherit from TenantModel.Meta.",
            obj=model,
            id="tenancy.E001",
        )
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        and not all(isinstance(m, TenantManager) for m in (model._base_manager, *model._meta.managers))
    ]


@register(Tags.database)
def database_roles_are_right(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    if not databases or APP_DATABASE not in databases:
        return []
    try:
        with own_connection(APP_DATABASE) as app, own_connection(ACROSS_DATABASE) as across:
            return _wrong_roles(app, across)
    except OperationalError as error:
        return [Error(f"The database can't be used: {error}", hint=_HINT, id="tenancy.E002")]


def _wrong_roles(app: BaseDatabaseWrapper, across: BaseDatabaseWrapper) -> list[CheckMessage]:
    app_role, app_bypasses = _role(app)
    across_role, across_bypasses = _role(across)
    problems: list[CheckMessage] = []
    if app_bypasses:
        problems.append(
            Error(
                f"The role {app_role!r} of DATABASE_URL bypasses row security, which isolates tenants.",
                hint=_HINT,
                id="tenancy.E003",
            )
        )
    if not across_bypasses:
        problems.append(
            Error(
                f"The role {across_role!r} of ACROSS_DATABASE_URL needs BYPASSRLS.",
                hint=_HINT,
                id="tenancy.E004",
            )
        )
    if not problems and not _is_member(across, app_role):
        problems.append(
            Error(
                f"The role {across_role!r} of ACROSS_DATABASE_URL needs the rights of {app_role!r}.",
                hint=f"Run as a superuser: GRANT {app_role} TO {across_role};",
                id="tenancy.E005",
            )
        )
    return problems


def _role(connection: BaseDatabaseWrapper) -> tuple[str, bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, bypasses = cursor.fetchone()
        return name, bypasses


def _is_member(connection: BaseDatabaseWrapper, group: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role(%s, 'USAGE')", [group])
        return bool(cursor.fetchone()[0])
