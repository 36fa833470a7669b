from dataclasses import dataclass

from django.conf import settings

from apps.keys.services import KeyGrant


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model that a tenant's sessions can name. `created` is in seconds since 1970; 0 is unknown."""

    id: str
    owned_by: str
    created: int = 0


def model_list(grant: KeyGrant) -> list[ModelInfo]:
    """The tenant's default model and the platform's."""
    ids = dict.fromkeys(name for name in (grant.default_model, settings.DEFAULT_MODEL) if name)
    return [ModelInfo(id=name, owned_by=name.partition("/")[0]) for name in ids]
