from apps.privacy.registry import keeps
from apps.tools.models import SigningSecret, Tool, ToolHeader

for own in (Tool, ToolHeader, SigningSecret):
    keeps(own, why="the workspace's own settings")
