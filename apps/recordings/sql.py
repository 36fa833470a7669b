"""Statements for the writers of the event log, which have a connection of their own."""

BEGIN_RECORDING = """
    INSERT INTO recordings_recording (
        id, tenant_id, session_id, state, started_at, duration_ms, size_bytes, sample_rate, parts, timeline
    ) VALUES (
        gen_random_uuid(), %(tenant_id)s, %(id)s, 'recording', %(started_at)s, 0, 0, 24000, 0, '{}'
    ) ON CONFLICT (session_id) DO NOTHING
"""
"""With the row of its session."""
