from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_stripe")]

    operations = [
        CreateLookup(
            "tenant_of_stripe_customer",
            arguments="customer text",
            returns="uuid",
            body="""
                SELECT tenant_id FROM public.billing_billingaccount
                WHERE stripe_customer_id = customer AND customer <> ''
            """,
        ),
    ]
