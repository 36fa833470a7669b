from django.db import migrations

from apps.core.operations import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("keys", "0003_client_secret")]

    operations = [
        CreateLookup(
            "client_secret_lookup",
            arguments="of_lookup text",
            returns="""TABLE (
                secret_id uuid, digest bytea, pepper smallint, session_preset text, safety_identifier text,
                expires_at timestamptz, last_used_at timestamptz,
                key_id uuid, key_expires_at timestamptz, key_revoked_at timestamptz,
                tenant_id uuid, tenant_slug text, default_model text,
                default_transcription_model text, default_speech_model text, default_voice text
            )""",
            body="""
                SELECT secret.id, secret.digest, secret.pepper, secret.session_preset, secret.safety_identifier,
                       secret.expires_at, secret.last_used_at,
                       key.id, key.expires_at, key.revoked_at,
                       tenant.id, tenant.slug, tenant.default_model,
                       tenant.default_transcription_model, tenant.default_speech_model, tenant.default_voice
                FROM public.keys_clientsecret AS secret
                JOIN public.keys_apikey AS key ON key.id = secret.key_id
                JOIN public.tenants_tenant AS tenant ON tenant.id = secret.tenant_id
                WHERE secret.lookup = of_lookup
            """,
        )
    ]
