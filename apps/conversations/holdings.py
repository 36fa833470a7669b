from apps.conversations.models import RealtimeSession, SessionEvent, SessionText
from apps.privacy.registry import holds

holds(SessionEvent, of_session=lambda session: SessionEvent.objects.filter(session_id=session.id))
holds(SessionText, of_session=lambda session: SessionText.objects.filter(session_id=session.id))
holds(RealtimeSession, of_session=lambda session: RealtimeSession.objects.filter(id=session.id))
