from apps.analytics.models import DefaultView, SavedView
from apps.privacy.registry import keeps

for own in (SavedView, DefaultView):
    keeps(own, why="the workspace's own settings")
