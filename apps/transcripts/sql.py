"""Statements for the writers of the event log, which have a connection of their own."""

ADD_TRANSCRIPT_JOB = """
    INSERT INTO jobs_job (
        id, tenant_id, kind, key, session_id, arguments, state, done, steps, note, attempts, error,
        run_at, created_at
    )
    SELECT
        gen_random_uuid(), session.tenant_id, 'session.transcript', session.id::text, session.session_id, '{}',
        'waiting', 0, 0, '', 0, '',
        now(), now()
    FROM conversations_realtimesession AS session
    WHERE session.tenant_id = %(tenant_id)s AND session.id = %(id)s AND (
        EXISTS (
            SELECT FROM conversations_sessionevent AS event
            WHERE event.tenant_id = session.tenant_id AND event.session_id = session.id AND event.type <> 'usage'
        ) OR EXISTS (
            SELECT FROM recordings_recording AS recording
            WHERE recording.tenant_id = session.tenant_id AND recording.session_id = session.id
        )
    )
    ON CONFLICT (tenant_id, kind, key) DO UPDATE SET
        state = 'waiting', attempts = 0, done = 0, error = '', lease = NULL, leased_until = NULL, nudged_at = NULL,
        finished_at = NULL, run_at = now()
    WHERE jobs_job.state <> 'waiting'
"""
"""With the end of a session of which something is kept. One that was taken for lost, and ends once more, gets its
transcript once more."""
