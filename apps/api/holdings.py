from contextlib import suppress

from apps.api.models import IdempotentRequest
from apps.credentials.sealing import Unsealable
from apps.privacy.registry import Rows, holds


def _mention(text: str) -> Rows:
    """Answers are sealed, and kept for a day: there are few, and each has to be opened."""
    found = []
    for row in IdempotentRequest.objects.order_by("id").iterator(chunk_size=200):
        with suppress(Unsealable):
            if text in row.unseal_body() or text in row.idempotency_key:
                found.append(row.id)
    return IdempotentRequest.objects.filter(id__in=found)


holds(IdempotentRequest, of_person=_mention)
