from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import action

from apps.audit.acting import Actor, acting, client_address
from apps.audit.services import record
from apps.core.admin import ReadOnlyAdmin
from apps.core.tenancy import atomic, tenant_context
from apps.jobs.kinds import kind_list
from apps.jobs.models import Job
from apps.jobs.queue import broker_state, is_scheduled, job_states, swept_at
from apps.jobs.services import job_cancel, job_retry
from apps.webhooks.models import OPEN, Delivery


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return sorted((kind.name, f"{kind.label} ({kind.name})") for kind in kind_list())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs of all tenants, without their arguments. Those that failed are dead letters: they stay until they are
    run again."""

    list_display = ["created_at", "kind", "tenant", "state", "percent", "attempts", "run_at", "error"]
    list_filter = ["state", KindFilter]
    list_select_related = ["tenant"]
    search_fields = ["tenant__slug", "session_id", "key"]
    show_full_result_count = False
    fields = [
        *("kind", "tenant", "key", "session_id", "state", "done", "steps", "note", "attempts", "error"),
        *("created_at", "run_at", "held_since", "nudged_at", "leased_until", "started_at", "finished_at"),
    ]
    actions = ["run_again", "cancel"]
    actions_list = ["queue"]

    @admin.action(description="Run again")
    def run_again(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        count = self._each(request, jobs, "job.retried", lambda job: job_retry(job=job))
        self.message_user(request, f"{count} of {len(jobs)} are run again: those that had failed.")

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        count = self._each(request, jobs, "job.cancelled", lambda job: job_cancel(job=job))
        self.message_user(request, f"{count} of {len(jobs)} are cancelled: those that were not over.")

    @action(description="Queue", url_path="queue", icon="monitor_heart")  # type: ignore[untyped-decorator]
    def queue(self, request: HttpRequest) -> HttpResponse:
        now, swept = timezone.now(), swept_at()
        deliveries = Delivery.objects.filter(state__in=OPEN)
        due = deliveries.filter(next_at__lte=now).aggregate(oldest=Min("next_at"))["oldest"]
        context = {
            **self.admin_site.each_context(request),
            "title": "Queue",
            "broker": broker_state(),
            "swept": swept,
            "is_scheduled": is_scheduled(swept, now),
            "states": job_states(),
            "deliveries": deliveries.count(),
            "deliveries_due_since": due,
            "recordings": sum(1 for _ in Path(settings.RECORDINGS_SPOOL).glob("*/*")),
        }
        return TemplateResponse(request, "staff/queue.html", context)

    def _each(
        self, request: HttpRequest, jobs: QuerySet[Job], told: str, change: Callable[[Job], None]
    ) -> int:
        """How many could be changed; each is noted in its tenant's audit log."""
        count, staff = 0, Actor.person(request.user, address=client_address(request)).as_staff("")
        for job in jobs:
            with tenant_context(job.tenant_id), acting(staff):
                try:
                    with atomic():
                        change(job)
                        record(action=told, target=job)
                except ValidationError:
                    continue
            count += 1
        return count
