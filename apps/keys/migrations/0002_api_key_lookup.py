from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("keys", "0001_initial")]

    operations = [
        CreateLookup(
            "api_key_lookup",
            arguments="of_lookup text",
            returns="""TABLE (
                key_id uuid, digest bytea, pepper smallint, scopes text[],
                expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz,
                tenant_id uuid, tenant_slug text, default_model text,
                default_transcription_model text, default_speech_model text, default_voice text
            )""",
            body="""
                SELECT key.id, key.digest, key.pepper, key.scopes,
                       key.expires_at, key.revoked_at, key.last_used_at,
                       tenant.id, tenant.slug, tenant.default_model,
                       tenant.default_transcription_model, tenant.default_speech_model, tenant.default_voice
                FROM public.keys_apikey AS key
                JOIN public.tenants_tenant AS tenant ON tenant.id = key.tenant_id
                WHERE key.lookup = of_lookup
            """,
        )
    ]
