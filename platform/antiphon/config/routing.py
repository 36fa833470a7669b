"""Which WebSocket path leads to which consumer."""

from typing import Any

from channels.routing import URLRouter
from channels.sessions import CookieMiddleware, SessionMiddleware
from django.urls import re_path

from apps.conversations.consumers import RealtimeConsumer
from apps.conversations.listening_in import ListenInConsumer

_NOT_FOUND = (
    b'{"error":{"type":"invalid_request_error","code":"not_found","param":null,'
    b'"message":"There is no WebSocket here: connect to /v1/realtime."}}'
)


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answer the handshake with 404 (403 from a server that cannot send a body in its place)."""
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_NOT_FOUND))]
        await send({"type": "websocket.http.response.start", "status": 404, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": _NOT_FOUND})
    else:
        await send({"type": "websocket.close"})


websocket_application = URLRouter(
    [
        re_path(r"^(v1/)?realtime/?$", RealtimeConsumer.as_asgi()),
        re_path(r"^api/v1/realtime/session/?$", RealtimeConsumer.as_asgi()),  # Inworld's
        re_path(
            r"^(?P<slug>[-\w]+)/live/(?P<call_id>[-\w]+)/listen$",
            CookieMiddleware(SessionMiddleware(ListenInConsumer.as_asgi())),
        ),
        re_path(r"", refuse),  # type: ignore[arg-type]  # an ASGI application, as URLRouter wants
    ]
)
