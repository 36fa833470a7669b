from apps.files import store
from apps.privacy.registry import holds, keeps
from apps.reports.models import ReportRun, ReportSchedule

holds(
    ReportRun,
    of_session=lambda session: ReportRun.objects.filter(session_id=session.session_id),
    files=lambda id: store.name_of("reports", id),
)
keeps(ReportSchedule, why="what members have made again and again; nothing that a caller said")
