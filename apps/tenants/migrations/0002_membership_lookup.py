from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        CreateLookup(
            "membership_lookup",
            arguments="of_user uuid, in_tenant text",
            returns="""TABLE (
                membership_id uuid, role text, tenant_id uuid, tenant_slug text, tenant_name text
            )""",
            body="""
                SELECT membership.id, membership.role, tenant.id, tenant.slug, tenant.name
                FROM public.tenants_membership AS membership
                JOIN public.tenants_tenant AS tenant ON tenant.id = membership.tenant_id
                WHERE membership.user_id = of_user AND (in_tenant IS NULL OR tenant.slug = in_tenant)
                ORDER BY membership.created_at
                LIMIT 1
            """,
        )
    ]
