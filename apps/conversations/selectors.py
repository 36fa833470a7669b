from dataclasses import dataclass

from apps.conversations import runtime
from apps.keys.services import KeyGrant


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that a tenant's sessions can name. `created` is in seconds since 1970; 0 is unknown."""

    id: str
    owned_by: str
    created: int = 0


async def model_list(grant: KeyGrant) -> list[ModelInfo]:
    """The models that a session of this tenant can name when it connects."""
    inference = await runtime.inference()
    models = inference.models_for(grant.default_model).list()
    return [ModelInfo(id=model.name, owned_by=model.provider) for model in models if model.kind == "language"]
