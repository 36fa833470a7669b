from apps.privacy.registry import keeps
from apps.routers.models import Router

for own in (Router,):
    keeps(own, why="the workspace's own settings")
