from apps.files.store import name_of
from apps.privacy.registry import holds, keeps
from apps.reports.models import ReportRun, ReportSchedule

holds(
    ReportRun,
    of_session=lambda session: ReportRun.objects.filter(session_id=session.session_id),
    files=lambda run_id: name_of("reports", run_id),
)
keeps(ReportSchedule, why="the workspace's own settings")
