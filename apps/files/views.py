import re
import uuid
from collections.abc import Iterator

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from apps.core.streaming import streamed
from apps.core.tenancy import tenant_context
from apps.credentials.sealing import Unsealable
from apps.files.links import BadLink, ExpiredLink, linked_file, read_link
from apps.files.store import Kept, NoSuchFile, read_range

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_DAMAGED = "The file can't be read: it was damaged, or the key that it was encrypted with is missing."
log = structlog.get_logger(__name__)

_GONE = "The file is gone: it was deleted, or kept as long as it was to be kept."


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Whoever has the link may read it: it was signed for somebody who might. Parts of it, too, so that players can
    seek (RFC 9110, section 14)."""
    try:
        told = read_link(token)
    except BadLink as bad:
        status = 410 if isinstance(bad, ExpiredLink) else 404
        return HttpResponse(str(bad), status=status, content_type="text/plain")
    with tenant_context(uuid.UUID(told["n"].partition("/")[0])):
        try:
            return _answer(request, linked_file(told), told["t"], told["f"])
        except NoSuchFile:
            return HttpResponse(_GONE, status=410, content_type="text/plain")
        except Unsealable as error:
            log.error("file_not_readable", name=told["n"], error=str(error))
            return HttpResponse(_DAMAGED, status=500, content_type="text/plain")


def _answer(request: HttpRequest, kept: Kept, content_type: str, filename: str) -> HttpResponseBase:
    size = kept.size
    # Nothing tells versions of a file apart: who would have a part only of the same one gets the whole.
    asked = None if "if-range" in request.headers else _asked(request.headers.get("range", ""), size)
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }
    if filename:
        headers["content-disposition"] = content_disposition_header(True, filename) or "attachment"
    if asked is not None and asked[0] >= asked[1]:
        return HttpResponse(status=416, headers=headers | {"content-range": f"bytes */{size}"})
    start, end = asked or (0, size)
    headers["content-length"] = str(end - start)
    if asked:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if asked else 200
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type=content_type)
    pieces = read_range(kept, start, end)
    first = next(pieces, b"")  # what can't be read is told while an error can be
    return StreamingHttpResponse(
        streamed(_joined(first, pieces)), status=status, headers=headers, content_type=content_type
    )


def _joined(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _asked(header: str, size: int) -> tuple[int, int] | None:
    """The one range that is asked for, from the first byte to before the last. None for none, for several and for
    what is no range, which are answered with the whole."""
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
