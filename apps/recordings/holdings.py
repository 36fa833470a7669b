from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from apps.core.tenancy import require_tenant
from apps.privacy.registry import SessionRef, holds, holds_files, holds_spool
from apps.recordings.models import Recording


def _spooled(session: SessionRef) -> Iterator[Path]:
    """What the storage does not have yet, if it was recorded on this machine. Elsewhere it goes when its process
    finds that the recording is gone."""
    yield from (settings.RECORDINGS_SPOOL / str(require_tenant()) / str(session.id)).glob("*")


holds(Recording, of_session=lambda session: Recording.objects.filter(session_id=session.id))
holds_files("recordings")
holds_spool(_spooled)
