"""A POST that is sent again, because nobody knows whether it arrived, is carried out once."""

import hmac
import re
from collections.abc import Callable

from django.conf import settings
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.api.models import IdempotentRequest
from apps.api.services import KEPT, request_keep
from apps.api.v1.problems import Problem
from apps.core.tenancy import atomic, current_database
from apps.credentials.sealing import Unsealable
from apps.keys.authentication import KeyGrant

HEADER = "Idempotency-Key"
PATTERN = r"^[!-~]{1,255}$"


def once(
    request: HttpRequest, grant: KeyGrant, operation: str, run: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Runs the operation in one transaction with the keeping of its response, so that both come to pass or neither.
    What fails is undone and may be tried again. Raises Problem."""
    given = request.headers.get(HEADER)
    if given is None or request.method != "POST":
        return run()
    if not re.fullmatch(PATTERN, given):
        raise Problem(
            422, f"{HEADER} must be 1 to 255 printable ASCII characters.", code="invalid_idempotency_key"
        )
    # Keyed, as a body may be as short as somebody's name.
    asked = f"{request.get_full_path()}\n".encode() + request.body
    digest = hmac.digest(settings.SECRET_KEY.encode(), asked, "sha256")
    with atomic():
        _lock(f"{grant.key_id}:{operation}:{given}")
        kept = IdempotentRequest.objects.filter(
            key_id=grant.key_id,
            operation=operation,
            idempotency_key=given,
        ).first()
        if kept is not None and kept.created_at > timezone.now() - KEPT:
            return _again(kept, digest)
        if kept is not None:
            kept.delete()
        response = run()
        if isinstance(response, HttpResponse) and response.status_code < 300:
            request_keep(
                key_id=grant.key_id,  # type: ignore[arg-type]  # a client secret does not get here
                operation=operation,
                idempotency_key=given,
                body_digest=digest,
                status=response.status_code,
                body=response.content.decode(),
            )
        else:
            transaction.set_rollback(True, using=current_database())
        return response


def _lock(name: str) -> None:
    """Until the end of the transaction. Raises Problem if another request has it."""
    with connections[current_database()].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        if not cursor.fetchone()[0]:
            detail = f"A request with this {HEADER} is being carried out: ask again in a moment."
            raise Problem(409, detail, code="request_in_progress", headers={"retry-after": "1"})


def _again(kept: IdempotentRequest, digest: bytes) -> HttpResponse:
    if bytes(kept.body_digest) != digest:
        detail = f"This {HEADER} was used for another request: use a new one for each."
        raise Problem(422, detail, code="idempotency_key_reused")
    try:
        body = kept.unseal_body()
    except Unsealable:
        detail = "The request was carried out, but its response can't be shown again: look for what it made."
        raise Problem(409, detail, code="response_lost") from None
    response = HttpResponse(body, status=kept.status, content_type="application/json")
    response["idempotent-replayed"] = "true"
    return response
