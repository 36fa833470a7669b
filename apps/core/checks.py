"""System checks: models declare their tenancy correctly, and the database enforces it.

The database check runs before every `migrate`.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import OperationalError, connections

from antiphon.embedded.roles import ROLES_SQL
from apps.core.models import TenantManager, TenantModel
from apps.core.tenancy import ACROSS_DATABASE, APP_DATABASE

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
        app, across = _role(APP_DATABASE), _role(ACROSS_DATABASE)
    except OperationalError as error:
        return [Error(f"The database can't be used: {error}", hint=_HINT, id="tenancy.E002")]
    problems: list[CheckMessage] = []
    if app["rolsuper"] or app["rolbypassrls"]:
        problems.append(
            Error(
                f"The role {app['rolname']!r} of DATABASE_URL bypasses row security, which isolates tenants.",
                hint=_HINT,
                id="tenancy.E003",
            )
        )
    if not (across["rolsuper"] or across["rolbypassrls"]):
        problems.append(
            Error(
                f"The role {across['rolname']!r} of ACROSS_DATABASE_URL needs BYPASSRLS.",
                hint=_HINT,
                id="tenancy.E004",
            )
        )
    if not _is_member(across["rolname"], app["rolname"]):
        problems.append(
            Error(
                f"The role {across['rolname']!r} needs the rights of {app['rolname']!r}.",
                hint=f"Run as a superuser: GRANT {app['rolname']} TO {across['rolname']};",
                id="tenancy.E005",
            )
        )
    return problems


def _role(alias: str) -> dict[str, Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        return dict(zip(("rolname", "rolsuper", "rolbypassrls"), cursor.fetchone(), strict=True))


def _is_member(role: str, group: str) -> bool:
    with connections[APP_DATABASE].cursor() as cursor:
        cursor.execute("SELECT pg_has_role(%s, %s, 'USAGE')", [role, group])
        return bool(cursor.fetchone()[0])
