"""The management API: what the dashboard does, for programs."""

import stripe
import structlog
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as BadShape

from apps.agents.services import DraftConflict
from apps.api.v1 import (
    agents,
    analytics,
    audit,
    billing,
    customers,
    keys,
    limits,
    members,
    payments,
    privacy,
    providers,
    recordings,
    reports,
    routers,
    sessions,
    tenant,
    tools,
    usage,
    webhooks,
)
from apps.api.v1.body import StrictParser
from apps.api.v1.problems import Problem, of_service, of_shape, server_error

log = structlog.get_logger(__name__)

api = NinjaAPI(
    title="Antiphon management API",
    version="1.0.0",
    description="Everything that a workspace's dashboard does.",
    urls_namespace="management",
    docs_url=None,
    openapi_url=None,
    parser=StrictParser(),
)
for area in (
    agents,
    tools,
    keys,
    customers,
    providers,
    routers,
    sessions,
    webhooks,
    recordings,
    usage,
    reports,
    analytics,
    limits,
    billing,
    payments,
    tenant,
    members,
    privacy,
    audit,
):
    api.add_router("", area.area)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


@api.exception_handler(ValidationError)
def _refused(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return of_service(error).response()


@api.exception_handler(BadShape)
def _bad_shape(request: HttpRequest, error: BadShape) -> HttpResponse:
    return of_shape(error.errors).response()


@api.exception_handler(DraftConflict)
def _conflict(request: HttpRequest, error: DraftConflict) -> HttpResponse:
    return Problem(409, str(error), code="draft_conflict").response()


@api.exception_handler(HttpError)
def _of_parser(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Around what `StrictParser` raises, ninja puts an error of its own."""
    problem = error.__cause__
    return problem.response() if isinstance(problem, Problem) else _failed(request, error)


@api.exception_handler(stripe.StripeError)
def _unpaid(request: HttpRequest, error: stripe.StripeError) -> HttpResponse:
    log.error("stripe_failed", error=str(error))
    message = "The payment provider could not be reached, or refused. Try again in a minute."
    return Problem(503, message, code="payment_provider_unavailable").response()


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("api_error", exc_info=error)
    return server_error().response()
