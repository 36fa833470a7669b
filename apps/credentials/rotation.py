"""Encrypting again, under the newest master key, what older ones encrypted."""

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.conf import settings

from apps.core.tenancy import across_tenants
from apps.credentials.models import SealedKeyModel
from apps.credentials.sealing import SECOND_FACTORS, Unsealable, seal, sealed_by_newest, unseal
from apps.privacy.models import SigningKey


@dataclass(frozen=True, slots=True)
class Rotation:
    """How many secrets were encrypted again, and why others could not be."""

    done: int
    problems: tuple[str, ...]


def secrets_rotate() -> Rotation:
    """Goes through all tenants. Once more does no harm, and a key that is set meanwhile stays. Raises Unsealable if
    there is no master key."""
    newest = sealed_by_newest(settings.ENCRYPTION_KEYS)
    done, problems = 0, []
    with across_tenants(reason="rotation of the encryption keys"):
        for model in apps.get_models():
            if not issubclass(model, SealedKeyModel):
                continue
            older = model.objects.exclude(sealed_key="").exclude(sealed_key__startswith=newest)
            for row in older.order_by("id"):
                try:
                    done += _seal_again(row)
                except Unsealable as error:
                    problems.append(f"The key of {row} ({model._meta.verbose_name} {row.id}): {error}")
    for factor in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).order_by("id"):
        try:
            done += _second_factor_seal_again(factor, newest)
        except Unsealable as error:
            problems.append(f"The second factor of {factor.user}: {error}")
    for key in SigningKey.objects.exclude(sealed_key__startswith=newest):
        try:
            sealed = seal(key.unseal_key(), key.place, settings.ENCRYPTION_KEYS)
            done += SigningKey.objects.filter(id=key.id).update(sealed_key=sealed)
        except Unsealable as error:
            problems.append(f"The signing key {key}: {error}")
    return Rotation(done, tuple(problems))


def _seal_again(row: SealedKeyModel) -> int:
    before = row.sealed_key
    after = row.resealed()
    return type(row).objects.filter(id=row.id, sealed_key=before).update(sealed_key=after)


def _second_factor_seal_again(factor: Authenticator, newest: str) -> int:
    keys, before = settings.ENCRYPTION_KEYS, factor.data
    old = {
        name: before[name] for name in ("secret", "seed") if not before.get(name, newest).startswith(newest)
    }
    if not old:
        return 0
    again = {
        name: seal(unseal(text, SECOND_FACTORS, keys), SECOND_FACTORS, keys) for name, text in old.items()
    }
    unchanged = Authenticator.objects.filter(id=factor.id, data=before)
    return int(unchanged.update(data={**before, **again}))
