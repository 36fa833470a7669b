from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.recordings.models import Recording


@admin.register(Recording)
class RecordingAdmin(ReadOnlyAdmin):
    """What there is, and not what was said."""

    list_display = ["session", "tenant", "state", "started_at", "duration_ms", "size_bytes", "parts"]
    list_filter = ["state"]
    list_select_related = ["tenant", "session"]
    show_full_result_count = False
