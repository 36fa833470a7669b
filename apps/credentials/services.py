from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.utils import timezone

from antiphon.providers.base.endpoint import Endpoint
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.http import Timeouts, Wire
from antiphon.providers.vendors import OURS, SERVER_KINDS, VENDORS
from apps.audit.services import fields_of, record
from apps.core.outbound import outbound_policy, require_address
from apps.core.tenancy import atomic
from apps.credentials.models import ProviderCredential, SealedKeyModel, TenantProvider
from apps.credentials.sealing import Unsealable
from apps.credentials.selectors import provider_of
from apps.tenants.models import Membership

LONGEST_KEY = 4096
_PATIENCE = Timeouts(connect=5.0, first_byte=10.0, idle=10.0)


def credential_set(
    *,
    provider: str,
    key: str,
    base_url: str = "",
    label: str = "",
    created_by: Membership | None = None,
) -> ProviderCredential:
    """Keeps the current tenant's key for a known vendor, in place of one it may have. Sessions that begin from now
    on use it. Raises ValidationError."""
    vendor = VENDORS.get(provider)
    if vendor is None:
        raise ValidationError({"provider": f"No vendor is called {provider!r}: {_vendors()}."})
    if vendor.address_setting is None and base_url:
        raise ValidationError({"base_url": f"The address of {provider} is known: leave it out."})
    if vendor.address_setting is not None and not base_url:
        raise ValidationError({"base_url": f"Every customer of {vendor.title} has an address: give yours."})
    if base_url:
        _require_address(base_url)
    if not key:
        raise ValidationError({"key": f"A key of {vendor.title} is needed."})
    with atomic():
        row = ProviderCredential.objects.select_for_update().filter(provider=provider).first()
        row = row or ProviderCredential(provider=provider, created_by=created_by)
        before = _audited(row)
        row.base_url, row.label = base_url, label
        _save(row, key)
        record(action="credential.set", target=row, before=before, after=_audited(row))
    return row


def provider_put(
    *,
    slug: str,
    dialect: str,
    base_url: str,
    key: str = "",
    kinds: Sequence[str] = (),
    created_by: Membership | None = None,
) -> TenantProvider:
    """Adds or replaces a server of the current tenant's own; without `kinds`, for all that its dialect can. A key
    belongs to the address it was given with: a server that is put again without one has none. Raises
    ValidationError."""
    if slug in VENDORS or slug in OURS:
        raise ValidationError({"slug": f"{slug!r} is taken: choose another name for a server of your own."})
    if not base_url:
        raise ValidationError(
            {"base_url": "Say where the server is: give a base URL such as https://host/v1."}
        )
    possible = SERVER_KINDS.get(dialect)
    if possible is None:
        raise ValidationError({"dialect": f"Choose one of {', '.join(SERVER_KINDS)}, not {dialect!r}."})
    if wrong := [kind for kind in kinds if kind not in possible]:
        raise ValidationError({"kinds": f"A server of the dialect {dialect} can't be {wrong[0]!r}."})
    _require_address(base_url)
    with atomic():
        row = TenantProvider.objects.select_for_update().filter(slug=slug).first()
        row = row or TenantProvider(slug=slug, created_by=created_by)
        before = _audited(row)
        row.dialect, row.base_url, row.kinds = dialect, base_url, list(kinds or possible)
        _save(row, key)
        record(action="provider.set", target=row, before=before, after=_audited(row))
    return row


@atomic()
def credential_delete(*, credential: ProviderCredential) -> None:
    """Sessions that run keep the key until they end."""
    record(action="credential.deleted", target=credential, before=_audited(credential))
    credential.delete()


@atomic()
def provider_delete(*, provider: TenantProvider) -> None:
    """Sessions that run keep it until they end."""
    record(action="provider.deleted", target=provider, before=_audited(provider))
    provider.delete()


def credential_check(*, row: ProviderCredential | TenantProvider) -> None:
    """Asks the provider, by one request that costs nothing, whether it takes the key. What is wrong is kept in
    `check_error`, which is empty if all is well. Raises ValidationError where no such request is known."""
    try:
        endpoint = provider_of(row).check_endpoint
    except Unsealable as error:
        endpoint, problem = None, f"The key can't be decrypted: enter it again. {error}"
    else:
        if endpoint is None:
            raise ValidationError(
                f"There is no free request by which {row} tells whether a key is right: a session will."
            )
        problem = async_to_sync(_ask)(endpoint)
    row.last_checked_at, row.check_error = timezone.now(), problem
    # Not if another key was set meanwhile: this is not about it.
    type(row).objects.filter(id=row.id, sealed_key=row.sealed_key).update(
        last_checked_at=row.last_checked_at, check_error=row.check_error
    )


async def _ask(endpoint: Endpoint) -> str:
    """Why the provider can't be used, or nothing."""
    wire = Wire(_PATIENCE, outbound_policy())
    try:
        await wire.get(endpoint, "")
    except ProviderError as error:
        return error.message
    finally:
        await wire.aclose()
    return ""


def _audited(row: ProviderCredential | TenantProvider) -> dict[str, Any] | None:
    """What the audit log keeps of a row, of the key no more than the last letters; None of one that is new."""
    if row._state.adding:
        return None
    names = ("base_url", "label") if isinstance(row, ProviderCredential) else ("dialect", "base_url", "kinds")
    return {**fields_of(row, *names), "key": row.masked}


def _save(row: SealedKeyModel, key: str) -> None:
    """Raises ValidationError."""
    key = key.strip()
    if len(key) > LONGEST_KEY or not all("!" <= character <= "~" for character in key):
        raise ValidationError({"key": "A key is one word of letters, digits and signs: copy it again."})
    row.claim()
    try:
        row.seal_key(key)
    except Unsealable as error:
        raise ValidationError({"key": f"Keys can't be kept here. {error}"}) from None
    row.full_clean()
    row.save()


def _require_address(base_url: str) -> None:
    """Raises ValidationError."""
    try:
        Endpoint(base_url)
    except ValueError as error:
        raise ValidationError({"base_url": str(error)}) from None
    require_address(base_url, "base_url")


def _vendors() -> str:
    return f"the vendors are {', '.join(sorted(VENDORS))}"
