"""Sessions with known numbers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from apps.conversations.models import RealtimeSession
from apps.transcripts.models import Insights, Transcript, TurnTime


def session_of(name: str, at: datetime, *, lasted: int = 60, **fields: Any) -> RealtimeSession:
    """`lasted` seconds."""
    ended = at + timedelta(seconds=lasted)
    given = {"model": "local/dialogue", "end_reason": "client_closed", **fields}
    return RealtimeSession.objects.create(
        session_id=name, started_at=at, alive_at=ended, ended_at=ended, **given
    )


def turns_of(session: RealtimeSession, *stages: Sequence[int | None], language: str = "en") -> None:
    """Each of `stages`: transcript, first token and first audio in ms; and their sum, if there was audio. With a
    fourth that is true the answer was interrupted."""
    TurnTime.objects.bulk_create(
        TurnTime(
            session=session,
            number=number,
            at=session.started_at + timedelta(seconds=number),
            transcript_ms=stage[0],
            first_token_ms=stage[1],
            first_audio_ms=stage[2],
            total_ms=None if stage[2] is None else sum(ms or 0 for ms in stage[:3]),
            interrupted=bool(stage[3:] and stage[3]),
            agent_version_id=session.agent_version_id,
            model=session.model,
            language=language,
        )
        for number, stage in enumerate(stages, 1)
    )


def looked_at(session: RealtimeSession, outcome: str, sentiment: str = "neutral") -> None:
    Insights.objects.create(
        session=session,
        outcome=outcome,
        sentiment=sentiment,
        model="local/extract",
        made_at=session.started_at,
    )


def spoken_in(session: RealtimeSession, *languages: str) -> None:
    Transcript.objects.create(
        session=session, entries=[], languages=list(languages), made_at=session.started_at
    )
