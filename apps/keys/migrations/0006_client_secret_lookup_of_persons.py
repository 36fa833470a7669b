from importlib import import_module

from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("keys", "0005_client_secret_of_persons"), ("accounts", "0001_initial")]

    operations = [
        CreateLookup(
            "client_secret_lookup",
            arguments="of_lookup text",
            returns="""TABLE (
                secret_id uuid, digest bytea, pepper smallint, session_preset text, safety_identifier text,
                expires_at timestamptz, last_used_at timestamptz,
                key_id uuid, key_expires_at timestamptz, key_revoked_at timestamptz,
                person_role text, person_is_active boolean,
                tenant_id uuid, tenant_slug text, default_model text,
                default_transcription_model text, default_speech_model text, default_voice text
            )""",
            body="""
                SELECT secret.id, secret.digest, secret.pepper, secret.session_preset, secret.safety_identifier,
                       secret.expires_at, secret.last_used_at,
                       key.id, key.expires_at, key.revoked_at,
                       member.role, person.is_active,
                       tenant.id, tenant.slug, tenant.default_model,
                       tenant.default_transcription_model, tenant.default_speech_model, tenant.default_voice
                FROM public.keys_clientsecret AS secret
                JOIN public.tenants_tenant AS tenant ON tenant.id = secret.tenant_id
                LEFT JOIN public.keys_apikey AS key ON key.id = secret.key_id
                LEFT JOIN public.tenants_membership AS member ON member.id = secret.created_by_id
                LEFT JOIN public.accounts_user AS person ON person.id = member.user_id
                WHERE secret.lookup = of_lookup
            """,
            replaces=import_module("apps.keys.migrations.0004_client_secret_lookup").Migration.operations[0],
        )
    ]
