"""The ASGI application: pages and REST by Django, sessions by Channels."""

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

http_application = get_asgi_application()  # sets Django up, which what follows needs

from antiphon.config.lifespan import WithLifespan  # noqa: E402
from antiphon.config.routing import websocket_application  # noqa: E402
from apps.api.body import limit_body  # noqa: E402
from apps.api.hosting import hosted_endpoints  # noqa: E402
from apps.api.rest import rest_apart  # noqa: E402
from apps.billing.stripe.stand_in import with_sender  # noqa: E402
from apps.conversations import runtime  # noqa: E402

application = WithLifespan(
    hosted_endpoints(
        ProtocolTypeRouter(
            {"http": limit_body(rest_apart(http_application)), "websocket": websocket_application}
        )
    ),
    startup=with_sender(runtime.startup),
    shutdown=runtime.shutdown,
)
