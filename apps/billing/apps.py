from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "apps.billing"

    def ready(self) -> None:
        from apps.billing import checks  # noqa: F401  registers the system check
        from apps.billing.selectors import plan_limits
        from apps.limits import selectors

        selectors.plan_limits = plan_limits
