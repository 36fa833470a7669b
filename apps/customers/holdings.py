from apps.customers.models import Customer, StatementLine
from apps.privacy.registry import keeps

for own in (
    Customer,
    StatementLine,
):
    keeps(own, why="the workspace's own settings")
