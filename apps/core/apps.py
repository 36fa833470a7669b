from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from apps.core import checks  # noqa: F401  registers the system checks
        from apps.core.row_security import follow_current_tenant

        connection_created.connect(follow_current_tenant, dispatch_uid="follow_current_tenant")
