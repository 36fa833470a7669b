"""The demo tenant of a fresh installation, and the file that remembers how to get into it."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from apps.accounts.models import User
from apps.accounts.services import address_vouch, user_create, user_set_password
from apps.billing.plans import plans
from apps.billing.services import plan_set
from apps.core.tenancy import atomic, tenant_context
from apps.keys.authentication import api_key_find
from apps.keys.models import ApiKey
from apps.keys.services import api_key_create, api_key_revoke
from apps.tenants.models import Tenant
from apps.tenants.services import tenant_create

SLUG = "demo"
EMAIL = "demo@antiphon.local"
KEY_NAME = "Demo"


@dataclass(frozen=True, slots=True)
class DemoCredentials:
    email: str
    password: str
    api_key: str


def demo_ensure(path: Path) -> DemoCredentials:
    """The demo's credentials: those in the file if they still work, else new ones, which the file then holds.

    A demo key that is replaced is revoked.
    """
    known = _read(path)
    with atomic():
        password = known.password if known else secrets.token_urlsafe(12)
        tenant = _ensure_tenant(password)
        with tenant_context(tenant.id):
            api_key = known.api_key if known and _works(known.api_key, tenant) else _new_key()
    credentials = DemoCredentials(EMAIL, password, api_key)
    if credentials != known:
        _write(path, credentials)
    return credentials


def _ensure_tenant(password: str) -> Tenant:
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = user_create(email=EMAIL, password=password, name="Demo")
    elif not user.check_password(password):
        user_set_password(user=user, password=password)
    address_vouch(user=user)
    if tenant := Tenant.objects.filter(slug=SLUG).first():
        return tenant
    tenant = tenant_create(slug=SLUG, name="Demo", owner=user)
    with tenant_context(tenant.id):
        plan_set(plan=list(plans())[-1])  # the largest: nobody is cut off while they try things out
    return tenant


def _works(api_key: str, tenant: Tenant) -> bool:
    record = api_key_find(api_key)
    return record is not None and record.tenant_id == tenant.id


def _new_key() -> str:
    for key in ApiKey.objects.filter(name=KEY_NAME, revoked_at=None):
        api_key_revoke(key=key)
    return api_key_create(name=KEY_NAME).text


def _read(path: Path) -> DemoCredentials | None:
    try:
        return DemoCredentials(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write(path: Path, credentials: DemoCredentials) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        json.dump(asdict(credentials), file)
    unfinished.rename(path)
