from importlib import import_module

from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_invitations_and_retention"), ("accounts", "0002_verified_addresses")]

    operations = [
        CreateLookup(
            "membership_lookup",
            arguments="of_user uuid, in_tenant text",
            returns="""TABLE (
                membership_id uuid, role text, tenant_id uuid, tenant_slug text, tenant_name text,
                last_active_at timestamptz
            )""",
            body="""
                SELECT membership.id, membership.role, tenant.id, tenant.slug, tenant.name,
                    membership.last_active_at
                FROM public.tenants_membership AS membership
                JOIN public.tenants_tenant AS tenant ON tenant.id = membership.tenant_id
                WHERE membership.user_id = of_user AND (in_tenant IS NULL OR tenant.slug = in_tenant)
                ORDER BY membership.last_active_at DESC NULLS LAST, membership.created_at
            """,
            replaces=import_module("apps.tenants.migrations.0002_membership_lookup").Migration.operations[0],
        ),
        CreateLookup(
            "invitation_lookup",
            arguments="of_digest bytea",
            returns="""TABLE (
                invitation_id uuid, tenant_id uuid, tenant_slug text, tenant_name text, email text, role text,
                expires_at timestamptz, invited_by text
            )""",
            body="""
                SELECT invitation.id, tenant.id, tenant.slug, tenant.name, invitation.email, invitation.role,
                    invitation.expires_at, COALESCE(NULLIF(person.name, ''), person.email)
                FROM public.tenants_invitation AS invitation
                JOIN public.tenants_tenant AS tenant ON tenant.id = invitation.tenant_id
                LEFT JOIN public.tenants_membership AS membership ON membership.id = invitation.invited_by_id
                LEFT JOIN public.accounts_user AS person ON person.id = membership.user_id
                WHERE invitation.digest = of_digest AND invitation.accepted_at IS NULL
                    AND tenant.deleted_at IS NULL
            """,
        ),
    ]
