from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, ConfigDict, Field

from apps.api.v1.auth import ApiRequest
from apps.api.v1.operations import Area
from apps.api.v1.types import Name
from apps.keys.models import Scope
from apps.tenants.endpoints import endpoint_urls
from apps.tenants.models import Tenant
from apps.tenants.services import tenant_update

area = Area("Workspace")

Model = Annotated[
    str, Field(max_length=200, description="Empty: the platform's.", examples=["groq/openai/gpt-oss-120b"])
]


Days = Annotated[int, Field(ge=1, le=3650)]


class Endpoint(Schema):
    """Where the workspace's clients connect."""

    base: str = Field(description="The base URL for clients of OpenAI.")
    own_host: str | None = Field(
        description="The same on a host of the workspace's own, where there are such."
    )
    websocket: str
    inworld: str = Field(description="For Inworld's clients.")


class TenantOut(Schema):
    """The workspace that the key belongs to."""

    slug: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme"])
    default_model: Model
    default_transcription_model: Model
    default_speech_model: Model
    default_voice: Model
    log_days: int | None = Field(
        description="How many days a session's events are kept; null: as long as the platform does."
    )
    transcript_days: int | None = Field(description="The same of transcripts and summaries.")
    recording_days: int | None = Field(description="The same of recordings.")
    created_at: datetime
    endpoint: Endpoint

    @staticmethod
    def resolve_endpoint(tenant: Tenant, context: Any) -> Any:
        return endpoint_urls(tenant.slug, context["request"])


class TenantChanges(BaseModel):
    """What is absent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    default_model: Model = ""
    default_transcription_model: Model = ""
    default_speech_model: Model = ""
    default_voice: Model = ""
    log_days: Days | None = None
    transcript_days: Days | None = None
    recording_days: Days | None = None


@area.operation("GET", "/tenant", "tenant_get", scope=Scope.TENANT_READ, response=TenantOut)
def get(request: ApiRequest) -> Tenant:
    """Show the workspace."""
    return Tenant.objects.get(id=request.grant.tenant_id)


@area.operation("PATCH", "/tenant", "tenant_update", scope=Scope.TENANT_WRITE, response=TenantOut)
def update(request: ApiRequest, body: TenantChanges) -> Tenant:
    """Change the workspace's settings.

    Its address is changed in the dashboard alone, for then this endpoint ends.
    """
    tenant = Tenant.objects.get(id=request.grant.tenant_id)
    return tenant_update(tenant=tenant, changes=body.model_dump(exclude_unset=True))
