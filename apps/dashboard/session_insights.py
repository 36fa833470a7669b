"""What came of a session, and the jobs that find it out."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.conversations.models import RealtimeSession
from apps.conversations.selectors import session_find
from apps.jobs.models import Job, JobState
from apps.tenants.access import tenant_page
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership
from apps.transcripts.models import Insights, Outcome, Sentiment
from apps.transcripts.selectors import insights_find, jobs_after
from apps.transcripts.services import after_call_again

_OUTCOME_KINDS = {
    Outcome.RESOLVED: "success",
    Outcome.UNRESOLVED: "error",
    Outcome.TRANSFERRED: "info",
    Outcome.ABANDONED: "warning",
}
_SENTIMENT_KINDS = {
    Sentiment.POSITIVE: "success",
    Sentiment.NEGATIVE: "error",
    Sentiment.MIXED: "warning",
}


@dataclass(frozen=True, slots=True)
class CameOfIt:
    """`jobs` are those that aren't done. The kinds are those of badges."""

    insights: Insights | None
    jobs: Sequence[Job]

    @property
    def waits(self) -> bool:
        return any(not job.is_over for job in self.jobs)

    @property
    def outcome_kind(self) -> str:
        return _OUTCOME_KINDS.get(Outcome(self.insights.outcome), "neutral") if self.insights else ""

    @property
    def sentiment_kind(self) -> str:
        return _SENTIMENT_KINDS.get(Sentiment(self.insights.sentiment), "neutral") if self.insights else ""

    @property
    def data(self) -> list[tuple[str, object]]:
        return list(self.insights.data.items()) if self.insights else []


def came_of(session: RealtimeSession) -> CameOfIt:
    jobs = [job for job in jobs_after(session) if job.state != JobState.DONE]
    return CameOfIt(insights_find(session), jobs)


@require_safe
@tenant_page()
def state(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    """What the page asks for while something is still made."""
    session = _session(session_id)
    return render(request, "dashboard/sessions/came.html", {"session": session, "came": came_of(session)})


@require_POST
@tenant_page(May.TALK)
def again(request: HttpRequest, membership: PersonalMembership, session_id: str) -> HttpResponse:
    try:
        after_call_again(session=_session(session_id), kind=request.POST.get("kind", ""))
        messages.success(request, "It is done once more; this takes some seconds.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("session", membership.tenant_slug, session_id)


def _session(session_id: str) -> RealtimeSession:
    session = session_find(session_id)
    if session is None:
        raise Http404("No such session.")
    return session
