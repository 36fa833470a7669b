from apps.billing.stripe.models import Subscription

GOOD = ("active", "trialing")


def subscription_current() -> Subscription | None:
    """The current tenant's, if it has one that is not over."""
    rows = Subscription.objects.exclude(status__in=[Subscription.CHECKOUT, *Subscription.OVER])
    return rows.exclude(status="incomplete").first()
