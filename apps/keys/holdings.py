from apps.keys.models import ApiKey, ClientSecret
from apps.privacy.registry import holds, keeps

holds(ClientSecret, of_person=lambda identifier: ClientSecret.objects.filter(safety_identifier=identifier))
keeps(ApiKey, why="the workspace's own")
