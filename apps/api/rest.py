"""The way of a REST request through Django, past what only pages need."""

from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from apps.api.body import Application
from apps.api.paths import REST_PATH


class RestHandler(ASGIHandler):
    """Without sessions, people, messages and policies for browsers: each costs a change of threads, and all of
    them more than most operations."""

    def load_middleware(self, is_async: bool = False) -> None:
        everything = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.REST_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = everything


def rest_apart(pages: Application) -> Application:
    """Takes requests to the API of sessions out of what serves pages."""
    rest = RestHandler()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        handler = rest if REST_PATH.match(scope["path"]) else pages
        await handler(scope, receive, send)

    return application
