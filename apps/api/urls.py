from django.urls import path, re_path

from apps.api import views
from apps.api.v1 import reference
from apps.api.v1.api import api

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    re_path(r"^v1/models/?$", views.models, name="models"),
    re_path(r"^models/?$", views.models_or_page, name="models-page"),
    re_path(r"^api/v1/models/?$", views.catalogue, name="catalogue"),
    re_path(r"^(?:v1/)?models/(?P<model_id>.+?)/?$", views.model, name="model"),
    re_path(r"^(?:v1/)?realtime/calls/(?P<call_id>[^/]+)/hangup/?$", views.hang_up, name="hang-up"),
    re_path(r"^(?:v1/)?realtime/client_secrets/?$", views.client_secrets, name="client-secrets"),
    re_path(
        r"^(?:v1/)?realtime/sessions/?$", views.beta_sessions, {"kind": "realtime"}, name="beta-sessions"
    ),
    re_path(
        r"^(?:v1/)?realtime/transcription_sessions/?$",
        views.beta_sessions,
        {"kind": "transcription"},
        name="beta-transcription-sessions",
    ),
    path("api/v1/openapi.json", reference.schema, name="openapi"),
    path("docs/api", reference.page, name="api-reference"),
    path("api/v1/", api.urls),
    re_path(r"^v1(?:/.*)?$", views.unknown, name="unknown"),
]
