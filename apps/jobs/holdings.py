from apps.jobs.models import Job
from apps.privacy.registry import holds

holds(Job, of_session=lambda session: Job.objects.filter(session_id=session.session_id))
