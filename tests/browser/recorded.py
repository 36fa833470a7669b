"""A session of the tenant `demo` that was recorded, with what was said in it: run beside the platform."""

import json
import sys
from datetime import timedelta

from apps.conversations.models import RealtimeSession
from apps.core.tenancy import across_tenants, atomic, tenant_context
from apps.jobs.services import job_add
from apps.tenants.models import Tenant
from apps.transcripts.models import Transcript
from tests.apps.recorded import encoded, make_recorded, spoken
from tests.conformance.commands import manage
from tests.platform_fixture import Platform
from tests.recordings import sentences

TURNS = ((0, 0), (1, 1), (0, 2), (1, 3))  # who says which sentence, half a second after the one before
_PAUSE_MS = 500


def recorded_session(platform: Platform, name: str) -> list[dict[str, int]]:
    """Makes it, with its recording on the way. Returns when each of its lines begins and ends, in ms."""
    code = f"from tests.browser.recorded import make; make({name!r})"
    done = manage(platform.data_dir, "shell", "--no-imports", "-c", code)
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return lines


def make(name: str) -> None:
    with across_tenants(reason="a test's session"):
        tenant = Tenant.objects.get(slug="demo")
    with tenant_context(tenant.id), atomic():
        session, recording = make_recorded(name, encoded(spoken(*TURNS)))
        entries, at = [], 0
        for channel, number in TURNS:
            start = at + _PAUSE_MS
            at = start + len(sentences()[number].samples) // 16
            kind = ("user", "assistant")[channel]
            entries.append({"kind": kind, "start_ms": start, "end_ms": at, "text": sentences()[number].text})
        RealtimeSession.objects.filter(id=session.id).update(
            started_at=session.started_at - timedelta(milliseconds=at), ended_at=session.started_at
        )
        Transcript.objects.create(session=session, entries=entries, made_at=recording.started_at)
        job_add(kind="session.recording", key=str(session.id), session_id=name)
    sys.stdout.write(json.dumps([{name: entry[name] for name in ("start_ms", "end_ms")} for entry in entries]))
