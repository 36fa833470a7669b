"""REST requests go past what only pages need."""

import asyncio
from typing import Any

import pytest

from antiphon.config.asgi import http_application
from apps.api.rest import rest_apart


def headers_of(path: str) -> dict[str, str]:
    sent: list[Any] = []
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if not body:
            await asyncio.Event().wait()  # the client stays
        return body.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"accept", b"text/html")],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    asyncio.run(rest_apart(http_application)(scope, receive, send))
    return {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


def test_a_rest_request_meets_only_what_it_needs() -> None:
    headers = headers_of("/v1/nothing")
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-request-id"].startswith("req_")
    assert "content-security-policy" not in headers


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/models", "/v10/", "/v1x"])
def test_a_page_meets_all_of_it(path: str) -> None:
    assert "content-security-policy" in headers_of(path)
