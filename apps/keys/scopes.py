"""What each scope needs of the person who gives it to a key: no key does what its maker may not."""

from collections.abc import Mapping

from apps.keys.models import Scope
from apps.tenants.roles import May
from apps.tenants.selectors import PersonalMembership

FOR_APPS = (Scope.REALTIME, Scope.MODELS)
NEEDS: Mapping[Scope, May] = {
    Scope.REALTIME: May.TALK,
    Scope.MODELS: May.VIEW,
    Scope.TENANT_READ: May.VIEW,
    Scope.TENANT_WRITE: May.MANAGE_SETTINGS,
    Scope.MEMBERS_READ: May.VIEW,
    Scope.MEMBERS_WRITE: May.MANAGE_TEAM,
    Scope.KEYS_READ: May.VIEW,
    Scope.KEYS_WRITE: May.CONNECT,
    Scope.PROVIDERS_READ: May.VIEW,
    Scope.PROVIDERS_WRITE: May.CONNECT,
    Scope.ROUTERS_READ: May.VIEW,
    Scope.ROUTERS_WRITE: May.BUILD,
    Scope.AGENTS_READ: May.VIEW,
    Scope.AGENTS_WRITE: May.BUILD,
    Scope.TOOLS_READ: May.VIEW,
    Scope.TOOLS_WRITE: May.BUILD,
    Scope.SESSIONS_READ: May.VIEW,
    Scope.SESSIONS_END: May.END_SESSIONS,
    Scope.SESSIONS_DELETE: May.DELETE_SESSIONS,
    Scope.RECORDINGS_READ: May.LISTEN_IN,
    Scope.USAGE_READ: May.VIEW,
    Scope.REPORTS_READ: May.VIEW,
    Scope.REPORTS_WRITE: May.CONNECT,
    Scope.CUSTOMERS_READ: May.VIEW,
    Scope.CUSTOMERS_WRITE: May.MANAGE_BILLING,
    Scope.BILLING_READ: May.VIEW,
    Scope.BILLING_WRITE: May.MANAGE_BILLING,
    Scope.WEBHOOKS_READ: May.CONNECT,
    Scope.WEBHOOKS_WRITE: May.CONNECT,
    Scope.PRIVACY_READ: May.DELETE_SESSIONS,
    Scope.PRIVACY_ERASE: May.DELETE_SESSIONS,
    Scope.PRIVACY_EXPORT: May.OWN,
    Scope.AUDIT_READ: May.READ_AUDIT,
}


def grantable_by(member: PersonalMembership) -> frozenset[str]:
    """The scopes that a member may give to a key."""
    return frozenset(scope for scope in Scope if member.allows(NEEDS[scope]))
