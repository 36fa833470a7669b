from apps.privacy.registry import holds
from apps.transcripts.models import Insights, Transcript, TurnTime

holds(Transcript, of_session=lambda session: Transcript.objects.filter(session_id=session.id))
holds(Insights, of_session=lambda session: Insights.objects.filter(session_id=session.id))
holds(TurnTime, of_session=lambda session: TurnTime.objects.filter(session_id=session.id))
