"""Who may do what in a tenant: the one table that pages and the management API ask."""

from collections.abc import Mapping
from enum import StrEnum

from apps.tenants.models import Role


class May(StrEnum):
    """A thing that a role allows or does not."""

    VIEW = "view"  # see what the tenant has and what its sessions were, but no secrets
    TALK = "talk"  # to agents in the playground, which costs
    BUILD = "build"  # agents, tools, routers, voices
    CONNECT = "connect"  # API keys, provider credentials
    END_SESSIONS = "end_sessions"
    LISTEN_IN = "listen_in"  # to a conversation that is going on; noted in the audit log
    DELETE_SESSIONS = "delete_sessions"
    MANAGE_TEAM = "manage_team"
    MANAGE_SETTINGS = "manage_settings"
    MANAGE_BILLING = "manage_billing"  # plan, payments, caps, budgets, customers
    READ_AUDIT = "read_audit"
    OWN = "own"  # hand the tenant over, or delete it


_VIEWER = {May.VIEW}
_DEVELOPER = _VIEWER | {May.TALK, May.BUILD, May.CONNECT, May.END_SESSIONS}
_ADMIN = _DEVELOPER | {
    May.LISTEN_IN,
    May.DELETE_SESSIONS,
    May.MANAGE_TEAM,
    May.MANAGE_SETTINGS,
    May.MANAGE_BILLING,
    May.READ_AUDIT,
}
ALLOWED: Mapping[Role, frozenset[May]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.DEVELOPER: frozenset(_DEVELOPER),
    Role.ADMIN: frozenset(_ADMIN),
    Role.OWNER: frozenset(May),
}

# What staff who act as a member may not do, whatever the member may.
NEVER_AS_STAFF = frozenset({May.CONNECT, May.OWN})

RANK = (Role.VIEWER, Role.DEVELOPER, Role.ADMIN, Role.OWNER)


def least_role(permission: May) -> Role:
    """The least role that allows it: who is refused is told to ask for this one."""
    return next(role for role in RANK if permission in ALLOWED[role])


def may_grant(granter: Role, role: Role) -> bool:
    """Nobody gives a role above their own, and ownership is handed over, not given."""
    return (
        role != Role.OWNER and May.MANAGE_TEAM in ALLOWED[granter] and RANK.index(role) <= RANK.index(granter)
    )


def is_above(role: Role, other: Role) -> bool:
    return RANK.index(role) > RANK.index(other)
