from apps.limits.models import LimitRequest
from apps.privacy.registry import keeps

for own in (LimitRequest,):
    keeps(own, why="the workspace's own settings")
