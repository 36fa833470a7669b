from collections.abc import Sequence

from apps.conversations.models import RealtimeSession
from apps.transcripts.entries import Entry, entries_from
from apps.transcripts.models import Insights, Transcript


def transcript_find(session: RealtimeSession) -> Transcript | None:
    return Transcript.objects.filter(session=session).first()


def insights_find(session: RealtimeSession) -> Insights | None:
    return Insights.objects.filter(session=session).first()


def entries_of(session: RealtimeSession) -> Sequence[Entry]:
    """From its transcript, or from its log while that is not made."""
    kept = transcript_find(session)
    return entries_from(kept.entries) if kept is not None else []
