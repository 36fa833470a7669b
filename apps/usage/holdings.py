from apps.privacy.registry import keeps
from apps.usage.models import UsageDay, UsageHour, UsageLine

_MONEY = "money: what was used, by ids"

keeps(
    UsageLine, why=_MONEY, of_session=lambda session: UsageLine.objects.filter(session_id=session.session_id)
)
for sums in (UsageHour, UsageDay):
    keeps(sums, why="sums of what was used")
