from apps.privacy.models import Erasure, ErasureStep, Redaction, TenantExport
from apps.privacy.registry import holds, keeps

holds(Redaction, of_session=lambda session: Redaction.objects.filter(session_id=session.id))
keeps(Erasure, why="record of an erasure, with a pseudonym")
keeps(ErasureStep, why="record of an erasure, with ids alone")
keeps(TenantExport, why="record of an export; its file goes after a week")
