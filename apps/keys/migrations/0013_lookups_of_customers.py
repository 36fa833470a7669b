from importlib import import_module

from django.db import migrations

from apps.core.operations import CreateLookup

_before = import_module("apps.keys.migrations.0010_lookups_of_limits").Migration.operations


class Migration(migrations.Migration):
    dependencies = [("keys", "0012_keys_of_customers")]

    operations = [
        CreateLookup(
            "api_key_lookup",
            arguments="of_lookup text",
            returns="""TABLE (
                key_id uuid, key_name text, digest bytea, pepper smallint, scopes text[],
                allowed_addresses text[], allowed_origins text[],
                expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz,
                sessions_limit integer, events_per_second_limit integer,
                customer_id uuid, customer_external_id text, customer_is_active boolean,
                customer_sessions_limit integer, customer_events_per_second_limit integer,
                tenant_id uuid, tenant_slug text, default_model text,
                default_transcription_model text, default_speech_model text, default_voice text
            )""",
            body="""
                SELECT key.id, key.name, key.digest, key.pepper, key.scopes,
                       key.allowed_addresses, key.allowed_origins,
                       key.expires_at, key.revoked_at, key.last_used_at,
                       key.sessions_limit, key.events_per_second_limit,
                       customer.id, customer.external_id, customer.is_active,
                       customer.sessions_limit, customer.events_per_second_limit,
                       tenant.id, tenant.slug, tenant.default_model,
                       tenant.default_transcription_model, tenant.default_speech_model, tenant.default_voice
                FROM public.keys_apikey AS key
                JOIN public.tenants_tenant AS tenant ON tenant.id = key.tenant_id
                LEFT JOIN public.customers_customer AS customer ON customer.id = key.customer_id
                WHERE key.lookup = of_lookup
            """,
            replaces=_before[0],
        ),
        CreateLookup(
            "client_secret_lookup",
            arguments="of_lookup text",
            returns="""TABLE (
                secret_id uuid, digest bytea, pepper smallint, session_preset text, safety_identifier text,
                expires_at timestamptz, last_used_at timestamptz,
                key_id uuid, key_expires_at timestamptz, key_revoked_at timestamptz, allowed_origins text[],
                sessions_limit integer, events_per_second_limit integer,
                customer_id uuid, customer_external_id text, customer_is_active boolean,
                customer_sessions_limit integer, customer_events_per_second_limit integer,
                person_role text, person_is_active boolean,
                tenant_id uuid, tenant_slug text, default_model text,
                default_transcription_model text, default_speech_model text, default_voice text
            )""",
            body="""
                SELECT secret.id, secret.digest, secret.pepper, secret.session_preset, secret.safety_identifier,
                       secret.expires_at, secret.last_used_at,
                       key.id, key.expires_at, key.revoked_at, key.allowed_origins,
                       key.sessions_limit, key.events_per_second_limit,
                       customer.id, customer.external_id, customer.is_active,
                       customer.sessions_limit, customer.events_per_second_limit,
                       member.role, person.is_active,
                       tenant.id, tenant.slug, tenant.default_model,
                       tenant.default_transcription_model, tenant.default_speech_model, tenant.default_voice
                FROM public.keys_clientsecret AS secret
                JOIN public.tenants_tenant AS tenant ON tenant.id = secret.tenant_id
                LEFT JOIN public.customers_customer AS customer ON customer.id = secret.customer_id
                LEFT JOIN public.keys_apikey AS key ON key.id = secret.key_id
                LEFT JOIN public.tenants_membership AS member ON member.id = secret.created_by_id
                LEFT JOIN public.accounts_user AS person ON person.id = member.user_id
                WHERE secret.lookup = of_lookup
            """,
            replaces=_before[1],
        ),
    ]
