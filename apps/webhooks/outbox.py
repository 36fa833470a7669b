"""The statements that put events into the outbox, for those who write without Django's models.

An event and its deliveries are rows of the transaction of what happened: told if and only if that is kept, and
once for each key. A tenant that has no endpoint for it pays one look at an index.
"""

from django.conf import settings

from antiphon.config.env import env

_WANTED = """
    WITH wanted AS (
        SELECT id FROM webhooks_endpoint
        WHERE "tenant_id" = %(tenant_id)s::uuid AND is_enabled
        AND (events = '{}' OR %(type)s::text = ANY(events))
        FOR KEY SHARE -- or an endpoint that is deleted meanwhile would undo all that is written with the event
    ),
"""
_DELIVER = """
    INSERT INTO webhooks_delivery (
        id, tenant_id, event_id, endpoint_id, session_id,
        state, attempts, failures, last_error, next_at, created_at
    )
    SELECT
        gen_random_uuid(), event.tenant_id, event.id, wanted.id, event.session_id,
        'waiting', 0, 0, '', now(), now()
    FROM event CROSS JOIN wanted
"""
_EVENT = """
    event AS (
        INSERT INTO webhooks_webhookevent
            (tenant_id, message_id, type, data, session_id, key, at, is_test)
"""
_ONCE = """
        ON CONFLICT (tenant_id, key) DO NOTHING
        RETURNING id, tenant_id, session_id
    )
"""

PUBLISH = f"""
    {_WANTED} {_EVENT}
        SELECT %(tenant_id)s::uuid, gen_random_uuid(), %(type)s::text, %(data)s::jsonb,
            %(session_id)s::text, %(key)s::text, now(), false
        WHERE EXISTS (SELECT FROM wanted)
    {_ONCE} {_DELIVER}
"""
"""Of any type. Takes tenant_id, type, data (JSON), session_id (of the protocol) and key."""


def _time(column: str) -> str:
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


_FACTS = f"""
    jsonb_build_object(
        'session_id', session.session_id, 'kind', session.kind, 'model', session.model,
        'agent', agent.slug, 'agent_version', version.number, 'call_id', session.call_id,
        'safety_identifier', session.safety_identifier, 'started_at', {_time("session.started_at")},
        'url', %(sessions_url)s::text || session.session_id
    )
"""
_OUTCOME = f"""
    CASE WHEN %(type)s::text = 'session.ended' THEN jsonb_build_object(
        'ended_at', {_time("session.ended_at")}, 'end_reason', session.end_reason,
        'duration_ms', round(extract(epoch FROM session.ended_at - session.started_at) * 1000)::bigint,
        'turns', session.turns, 'responses', session.responses, 'interruptions', session.interruptions,
        'errors', session.errors, 'user_audio_ms', session.user_audio_ms,
        'assistant_audio_ms', session.assistant_audio_ms, 'cost_micro', session.cost_micro
    ) ELSE '{{}}' END
"""
PUBLISH_OF_SESSION = f"""
    {_WANTED} {_EVENT}
        SELECT session.tenant_id, gen_random_uuid(), %(type)s::text, {_FACTS} || {_OUTCOME} || %(data)s::jsonb,
            session.session_id, left(%(type)s::text || ':' || session.id || %(of)s::text, 200),
            CASE %(type)s::text WHEN 'session.started' THEN session.started_at
                WHEN 'session.ended' THEN session.ended_at ELSE now() END,
            false
        FROM conversations_realtimesession AS session
        LEFT JOIN agents_agentversion AS version
            ON version.tenant_id = session.tenant_id AND version.id = session.agent_version_id
        LEFT JOIN agents_agent AS agent ON agent.tenant_id = version.tenant_id AND agent.id = version.agent_id
        WHERE session.tenant_id = %(tenant_id)s::uuid AND session.id = %(id)s::uuid AND EXISTS (SELECT FROM wanted)
    {_ONCE} {_DELIVER}
"""
"""Of a session, with the facts of its row, as the transaction has it. Takes tenant_id, the row's id, type, data
(JSON, more facts), `of` (what about it, for the key, if there may be several) and sessions_url."""


def sessions_url() -> str:
    """Where the API tells of sessions, up to their ids. Under PUBLIC_URL, since no request tells a better one."""
    site = settings.PUBLIC_URL or f"http://localhost:{env().port}"
    return f"{site}/api/v1/sessions/"
