from apps.agents.models import Agent, AgentVersion
from apps.privacy.registry import keeps

for own in (
    Agent,
    AgentVersion,
):
    keeps(own, why="the workspace's own settings")
