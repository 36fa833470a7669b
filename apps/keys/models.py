from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from apps.core.models import TenantModel
from apps.customers.models import Customer
from apps.tenants.models import Membership


class Scope(models.TextChoices):
    """What a key may do. All but the first two are for the management API; see `apps.keys.scopes`."""

    REALTIME = "realtime", "Open realtime sessions"
    MODELS = "models", "List models"
    TENANT_READ = "tenant.read", "See the workspace's settings"
    TENANT_WRITE = "tenant.write", "Change the workspace's settings"
    MEMBERS_READ = "members.read", "See members and invitations"
    MEMBERS_WRITE = "members.write", "Invite, change and remove members"
    KEYS_READ = "keys.read", "See API keys"
    KEYS_WRITE = "keys.write", "Make, rotate and revoke API keys"
    PROVIDERS_READ = "providers.read", "See provider credentials and own servers"
    PROVIDERS_WRITE = "providers.write", "Change provider credentials and own servers"
    ROUTERS_READ = "routers.read", "See routers"
    ROUTERS_WRITE = "routers.write", "Change routers"
    AGENTS_READ = "agents.read", "See agents"
    AGENTS_WRITE = "agents.write", "Change and publish agents"
    TOOLS_READ = "tools.read", "See tools"
    TOOLS_WRITE = "tools.write", "Change tools"
    SESSIONS_READ = "sessions.read", "See sessions and what was said in them"
    SESSIONS_END = "sessions.end", "End sessions"
    SESSIONS_DELETE = "sessions.delete", "Delete sessions"
    RECORDINGS_READ = "recordings.read", "Hear recordings"
    USAGE_READ = "usage.read", "See usage"
    REPORTS_READ = "reports.read", "See reports, and what is in them"
    REPORTS_WRITE = "reports.write", "Have reports made and mailed"
    BILLING_READ = "billing.read", "See budgets and billing"
    BILLING_WRITE = "billing.write", "Change budgets and billing"
    CUSTOMERS_READ = "customers.read", "See customers and their statements"
    CUSTOMERS_WRITE = "customers.write", "Change customers and issue statements"
    WEBHOOKS_READ = "webhooks.read", "See webhooks and their deliveries"
    WEBHOOKS_WRITE = "webhooks.write", "Change, test and resend webhooks"
    PRIVACY_READ = "privacy.read", "See erasures and exports"
    PRIVACY_ERASE = "privacy.erase", "Erase everything of a person"
    PRIVACY_EXPORT = "privacy.export", "Export everything"
    AUDIT_READ = "audit.read", "See the audit log"


class Environment(models.TextChoices):
    """A label in the key's text, by which people tell keys apart; it changes nothing else. The oldest have none."""

    LIVE = "live"
    TEST = "test"


class ApiKey(TenantModel):
    """`sk_<environment>_<lookup>_<secret>`. Kept: the lookup part, which is no secret, and a keyed digest of the
    whole.

    `allowed_addresses` are networks from which alone the key is taken, `allowed_origins` those whose pages alone
    may use it or a client secret made with it; empty: all. `sessions_limit` at the same time and
    `events_per_second_limit` hold for its sessions and those of its client secrets together; None: no limits of its
    own. A key of one of the tenant's `customer`s opens sessions on their account, and does nothing else.
    """

    name = models.CharField(max_length=100)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="keys", editable=False
    )
    environment = models.CharField(
        max_length=4, choices=Environment, default=Environment.LIVE, blank=True, editable=False
    )
    realtime_only = models.BooleanField(default=False, editable=False)
    lookup = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    allowed_addresses = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    allowed_origins = ArrayField(models.CharField(max_length=270), default=list, blank=True)
    sessions_limit = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    events_per_second_limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )

    class Meta(TenantModel.Meta):
        ordering = ["-created_at", "-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name

    @property
    def masked(self) -> str:
        start = f"sk_{self.environment}" if self.environment else "sk"
        return f"{start}_{self.lookup}_…{self.last_four}"

    @property
    def is_valid(self) -> bool:
        """Whether it opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class ClientSecret(TenantModel):
    """`ek_<lookup>_<secret>`: opens sessions until it expires, for an app that must not hold an API key.

    Made with an API key, perhaps for a `customer` of the tenant's own, or by a person, in the playground. It is
    worth nothing once the key is revoked, or the person may no longer talk; a session that runs outlives it.
    """

    SAFETY_IDENTIFIER_LENGTH = 512

    key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    created_by = models.ForeignKey(
        Membership, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    lookup = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    # JSON as text: jsonb would reorder the parameters of tools, which models read, and refuses escaped NULs.
    session_preset = models.TextField(editable=False)
    safety_identifier = models.CharField(max_length=SAFETY_IDENTIFIER_LENGTH, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(key=None) ^ models.Q(created_by=None), name="made_by_a_key_or_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"ek_{self.lookup}_…"
