"""A session in which somebody said something, with everything that is kept of it."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.files import store
from apps.jobs.models import Job
from apps.privacy.models import Redaction
from apps.recordings.models import Recording
from apps.reports.models import ReportRun
from apps.transcripts.models import Insights, Transcript
from apps.webhooks.models import Attempt, Delivery, Endpoint, WebhookEvent
from tests.usage_lines import use


def talk(name: str, *, who: str, words: str, ended: bool = True, **fields: Any) -> RealtimeSession:
    began = timezone.now() - timedelta(minutes=10)
    session = RealtimeSession.objects.create(
        session_id=name,
        model="local/test",
        safety_identifier=who,
        started_at=began,
        alive_at=began,
        ended_at=began + timedelta(minutes=1) if ended else None,
        **fields,
    )
    events(session, ("turn.transcribed", {"text": words, "item_id": "item_1"}))
    SessionText.objects.create(session=session, text=words)
    Redaction.objects.create(session=session, channel=0, start_ms=0, end_ms=5, kind="email")
    Job.objects.create(
        kind="session.transcript",
        key=str(session.id),
        session_id=name,
        arguments={"words": words},
        run_at=began,
    )
    use(began, session_id=name)
    Transcript.objects.create(session=session, entries=[{"kind": "user", "text": words}], made_at=began)
    Insights.objects.create(session=session, summary=words, model="local/extract", made_at=began)
    Recording.objects.create(session=session, started_at=began, state="ready")
    event = WebhookEvent.objects.create(
        type="session.ended", data={"safety_identifier": who}, session_id=name, key=f"ended {name}", at=began
    )
    endpoint = Endpoint.objects.create(url="https://example.com/hook")
    delivery = Delivery.objects.create(event=event, endpoint=endpoint, session_id=name, next_at=began)
    Attempt.objects.create(
        delivery=delivery, number=1, at=began, duration_ms=5, request_headers={}, response_body=words
    )
    run = ReportRun.objects.create(
        kind="session", format="csv", session_id=name, file="sheet.csv", requested_at=began
    )
    store.put(store.name_of("reports", run.id, "sheet.csv"), [who.encode()])
    store.put(store.name_of("recordings", session.id, "part-00001"), [words.encode()])
    return session


def events(session: RealtimeSession, *told: tuple[str, dict[str, Any]]) -> None:
    first = SessionEvent.objects.filter(session=session).count()
    SessionEvent.objects.bulk_create(
        SessionEvent(
            session=session,
            seq=first + number,
            at=session.started_at,
            direction="server",
            type=type,
            item_id=body.get("item_id"),
            body={"type": type, **body},
        )
        for number, (type, body) in enumerate(told)
    )
