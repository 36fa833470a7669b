from apps.credentials.models import ProviderCredential, TenantProvider
from apps.privacy.registry import keeps

for own in (
    ProviderCredential,
    TenantProvider,
):
    keeps(own, why="the workspace's own settings")
