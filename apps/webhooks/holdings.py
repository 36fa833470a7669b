from apps.privacy.registry import holds, keeps
from apps.webhooks.models import Attempt, Delivery, Endpoint, EndpointSecret, WebhookEvent

holds(Attempt, of_session=lambda session: Attempt.objects.filter(delivery__session_id=session.session_id))
holds(Delivery, of_session=lambda session: Delivery.objects.filter(session_id=session.session_id))
holds(WebhookEvent, of_session=lambda session: WebhookEvent.objects.filter(session_id=session.session_id))
for own in (Endpoint, EndpointSecret):
    keeps(own, why="the workspace's own settings")
