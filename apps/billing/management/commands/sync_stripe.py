from typing import Any

import stripe
from django.core.management.base import BaseCommand, CommandError

from apps.billing.stripe.catalog import catalog_sync
from apps.billing.stripe.client import is_stand_in


class Command(BaseCommand):
    help = (
        "Makes the products, prices and the meter at Stripe that the plans need. Once more changes nothing."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = catalog_sync()
        except stripe.StripeError as error:
            raise CommandError(f"Stripe refused: {error.user_message or error}") from None
        if is_stand_in():
            self.stderr.write("STRIPE_SECRET_KEY is not set: this is the stand-in.")
        for plan, price in found.plans.items():
            self.stdout.write(f"plan {plan}\t{price}")
        self.stdout.write(f"usage\t{found.usage}")
        self.stdout.write(f"meter\t{found.meter}")
