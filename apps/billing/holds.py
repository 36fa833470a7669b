"""The holds of running sessions, in the database: a short transaction for all sessions of a process.

It locks the account of each tenant first, in order. Whoever else spends waits for that, so everybody decides on
what is really left, whatever runs at the same time.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.conf import settings
from psycopg.rows import dict_row

from apps.billing.amounts import dollars
from apps.billing.models import Mode
from apps.billing.selectors import Terms, terms
from apps.billing.spending import (
    HOLD_SECONDS,
    BudgetLeft,
    Decision,
    Purse,
    Refusal,
    Spending,
    Wish,
    decide,
)
from apps.core.writing import writers_connection

# Whoever waits for this waits to begin to talk: rather told than kept waiting. Nor does it wait for the disk: holds
# that a crash of the database forgets are made anew.
_OPTIONS = "-c statement_timeout=4s -c lock_timeout=3s -c synchronous_commit=off"
_SILENCE_MS = 5_000


@dataclass(slots=True)
class Ask:
    """One session's part in a round."""

    spending: Spending
    is_new: bool = False
    only_cover: bool = False  # it was refused before, or is over
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """`unlimited`: nothing but a budget that it has not got would end it."""

    decision: Decision
    terms: Terms
    unlimited: bool
    budget: str = ""  # what was used up, for people


@dataclass(slots=True)
class Round:
    answers: dict[str, Answer] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # sessions that are over and hold nothing any more


class HoldStore:
    """Belongs to one thread. After an error its connection is closed, and the next use opens another."""

    def __init__(self, process_id: uuid.UUID, connection: psycopg.Connection[Any] | None = None) -> None:
        self._process_id = process_id
        self._connection = connection
        self._agents: dict[uuid.UUID, uuid.UUID] = {}  # of versions

    def round(self, asks: Sequence[Ask]) -> Round:
        """Extends, opens and settles holds, and deletes those of processes that are gone. Raises `psycopg.Error`,
        and then nothing has changed."""
        try:
            connection = self._connect()
            with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
                result = self._round(cursor, asks)
            connection.execute(_SWEEP)
            return result
        except psycopg.Error:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = writers_connection(
                "antiphon spending", options=_OPTIONS, silence_ms=_SILENCE_MS
            )
        return self._connection

    def _round(self, cursor: psycopg.Cursor[dict[str, Any]], asks: Sequence[Ask]) -> Round:
        result = Round()
        if not asks:
            return result
        tenants = sorted({ask.spending.spender.tenant_id for ask in asks})
        accounts = {row["tenant_id"]: row for row in cursor.execute(_LOCK, [tenants])}
        holds = self._own_holds(cursor, asks)
        self._learn_agents(cursor, asks)
        totals = {
            row["tenant_id"]: row
            for row in cursor.execute(
                _TOTALS, {"tenants": tenants, "own": [row["id"] for row in holds.values()]}
            )
        }
        budgets = self._budgets(cursor, tenants)
        posted = self._posted(cursor, [ask for ask in asks if not ask.is_new and _key(ask) not in holds])
        raised: list[tuple[uuid.UUID, int, float]] = []
        made: list[tuple[Ask, uuid.UUID | None, int]] = []
        for tenant in tenants:
            account = accounts.get(tenant, {"plan": "", "mode": "", "cap_micro": None, "goodbye": ""})
            agreed = terms(**{name: account[name] for name in ("plan", "mode", "cap_micro", "goodbye")})
            of_tenant = [ask for ask in asks if ask.spending.spender.tenant_id == tenant]
            # Who gives back first, then who runs, then who wants to begin.
            of_tenant.sort(key=lambda ask: (not ask.only_cover, ask.is_new))
            total = totals[tenant]
            left = agreed.credit_micro + total["balance"] - total["held"]
            of_budgets = budgets.get(tenant, [])
            purse = Purse(
                left if settings.BILLING else None,
                pays_later=agreed.mode == Mode.POSTPAID,
                budgets=[row["left"] for row in of_budgets],
            )
            # What was granted and is not in the ledger is asked for anew where the hold was lost.
            lost = [0 if ask.is_new or _key(ask) in holds else self._lost(ask, posted) for ask in of_tenant]
            wishes = [self._wish(ask, lost=amount) for ask, amount in zip(of_tenant, lost, strict=True)]
            for ask, wish, lost_micro, decision in zip(
                of_tenant, wishes, lost, decide(wishes, purse), strict=True
            ):
                grant = decision.grant_micro
                if hold := holds.get(_key(ask)):
                    raised.append((hold["id"], grant, 0.0 if ask.is_over else HOLD_SECONDS))
                    held = hold["held"] + grant
                else:
                    held = max(grant, 0)
                    if not (ask.is_new and decision.refusal) and (held or not ask.is_over):
                        made.append((ask, wish.agent_id, held))
                if ask.is_over and held <= 0:
                    result.gone.add(ask.spending.spender.session_id)
                result.answers[ask.spending.spender.session_id] = Answer(
                    Decision(grant - lost_micro, decision.refusal),
                    agreed,
                    unlimited=not settings.BILLING and not any(row["left"].binds(wish) for row in of_budgets),
                    budget=_told(decision.refusal, of_budgets),
                )
        self._write(cursor, raised, made, result.gone, [ask for ask in asks if ask.is_over])
        return result

    def _own_holds(
        self, cursor: psycopg.Cursor[dict[str, Any]], asks: Sequence[Ask]
    ) -> dict[tuple[uuid.UUID, str], dict[str, Any]]:
        """Locked, in order: what posting takes from them meanwhile waits."""
        spenders = [ask.spending.spender for ask in asks]
        cursor.execute(
            _OWN, [[spender.tenant_id for spender in spenders], [spender.session_id for spender in spenders]]
        )
        return {(row["tenant_id"], row["session_id"]): row for row in cursor}

    def _learn_agents(self, cursor: psycopg.Cursor[dict[str, Any]], asks: Sequence[Ask]) -> None:
        versions = {ask.spending.spender.agent_version_id for ask in asks} - {None, *self._agents}
        if versions:
            for row in cursor.execute(_AGENTS, [list(versions)]):
                self._agents[row["id"]] = row["agent_id"]

    def _budgets(
        self, cursor: psycopg.Cursor[dict[str, Any]], tenants: Sequence[uuid.UUID]
    ) -> Mapping[uuid.UUID, list[dict[str, Any]]]:
        found: dict[uuid.UUID, list[dict[str, Any]]] = {}
        for row in cursor.execute(BUDGETS, {"tenants": tenants, "actions": ["stop"]}):
            row["left"] = BudgetLeft(
                row["id"],
                row["api_key_id"],
                row["agent_id"],
                row["amount_micro"] - row["spent"] - row["held"],
                row["customer_id"],
            )
            found.setdefault(row["tenant_id"], []).append(row)
        return found

    def _posted(self, cursor: psycopg.Cursor[dict[str, Any]], asks: Sequence[Ask]) -> Mapping[str, int]:
        """Rarely: what of a session whose hold was lost is in the ledger."""
        if not asks:
            return {}
        spenders = [ask.spending.spender for ask in asks]
        cursor.execute(
            _POSTED,
            [[spender.tenant_id for spender in spenders], [spender.session_id for spender in spenders]],
        )
        return {row["session_id"]: row["posted"] for row in cursor}

    @staticmethod
    def _lost(ask: Ask, posted: Mapping[str, int]) -> int:
        spending = ask.spending
        return spending.granted_micro - posted.get(spending.spender.session_id, 0)

    def _wish(self, ask: Ask, *, lost: int) -> Wish:
        spending = ask.spending
        version = spending.spender.agent_version_id
        agent = self._agents.get(version) if version else None
        over = spending.over_micro + lost
        return Wish(spending.spender, agent, over, spending.step_micro, only_cover=ask.only_cover)

    def _write(
        self,
        cursor: psycopg.Cursor[dict[str, Any]],
        raised: Sequence[tuple[uuid.UUID, int, float]],
        made: Sequence[tuple[Ask, uuid.UUID | None, int]],
        gone: set[str],
        over: Sequence[Ask],
    ) -> None:
        if raised:
            ids, amounts, seconds = map(list, zip(*raised, strict=True))
            cursor.execute(_RAISE, {"ids": ids, "amounts": amounts, "seconds": seconds})
        if made:
            spenders = [ask.spending.spender for ask, _, _ in made]
            cursor.execute(
                _MAKE,
                {
                    "tenants": [spender.tenant_id for spender in spenders],
                    "sessions": [spender.session_id for spender in spenders],
                    "keys": [spender.api_key_id for spender in spenders],
                    "agents": [agent for _, agent, _ in made],
                    "customers": [spender.customer_id for spender in spenders],
                    "amounts": [amount for _, _, amount in made],
                    "process": self._process_id,
                    "seconds": HOLD_SECONDS,
                },
            )
        settled = [ask.spending.spender for ask in over if ask.spending.spender.session_id in gone]
        if settled:
            cursor.execute(
                _DELETE,
                [[spender.tenant_id for spender in settled], [spender.session_id for spender in settled]],
            )


def _key(ask: Ask) -> tuple[uuid.UUID, str]:
    return ask.spending.spender.tenant_id, ask.spending.spender.session_id


def _told(refusal: Refusal | None, budgets: Sequence[Mapping[str, Any]]) -> str:
    if refusal is None or refusal.budget_id is None:
        return ""
    row = next(row for row in budgets if row["id"] == refusal.budget_id)
    whose = row["key_name"] or row["agent_name"] or row["customer_name"]
    when = {"day": " a day", "month": " a month", "total": " in all"}[row["period"]]
    return f"{dollars(row['amount_micro'])}{when}" + (f" of {whose!r}" if whose else "")


_SWEEP = """
    DELETE FROM billing_spendhold WHERE id IN (
        SELECT id FROM billing_spendhold WHERE expires_at < clock_timestamp() LIMIT 200 FOR UPDATE SKIP LOCKED
    )
"""
_LOCK = """
    SELECT tenant_id, plan, mode, cap_micro, goodbye FROM billing_billingaccount
    WHERE tenant_id = ANY(%s) ORDER BY tenant_id FOR NO KEY UPDATE
"""
_OWN = """
    SELECT id, tenant_id, session_id, granted_micro - posted_micro AS held FROM billing_spendhold
    JOIN unnest(%s::uuid[], %s::text[]) AS own (tenant_id, session_id) USING (tenant_id, session_id)
    ORDER BY tenant_id, session_id FOR NO KEY UPDATE OF billing_spendhold
"""
# A statement after the lock, since one sees the rows as they were when it began. Balances and holds in one, since
# posting changes both. One's own holds count even if they have just expired: their sessions run.
_TOTALS = """
    SELECT tenant_id,
        coalesce((SELECT amount_micro FROM billing_accountbalance AS balance
            WHERE balance.tenant_id = tenant.tenant_id AND balance.account = 'balance'), 0)::bigint AS balance,
        coalesce((SELECT sum(amount_micro) FROM billing_spendhold AS hold
            WHERE hold.tenant_id = tenant.tenant_id
                AND (hold.expires_at > clock_timestamp() OR hold.id = ANY(%(own)s::uuid[]))), 0)::bigint AS held
    FROM unnest(%(tenants)s::uuid[]) AS tenant (tenant_id)
"""
_AGENTS = "SELECT id, agent_id FROM agents_agentversion WHERE id = ANY(%s)"
# Periods are those of UTC, as the days are that usage is summed up by.
BUDGETS = """
    SELECT budget.id, budget.tenant_id, budget.api_key_id, budget.agent_id, budget.customer_id, budget.period,
        budget.amount_micro, budget.action, coalesce(key.name, '') AS key_name,
        coalesce(agent.name, '') AS agent_name, coalesce(customer.name, '') AS customer_name,
        coalesce((SELECT sum(used.price_micro) FROM usage_usageday AS used
            WHERE used.tenant_id = budget.tenant_id
                AND used.day >= CASE budget.period
                    WHEN 'day' THEN (clock_timestamp() AT TIME ZONE 'UTC')::date
                    WHEN 'month' THEN date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date
                    ELSE '-infinity'::date END
                AND (budget.api_key_id IS NULL OR used.api_key_id = budget.api_key_id)
                AND (budget.customer_id IS NULL OR used.customer_id = budget.customer_id)
                AND (budget.agent_id IS NULL OR used.agent_version_id IN (
                    SELECT version.id FROM agents_agentversion AS version
                    WHERE version.tenant_id = budget.tenant_id AND version.agent_id = budget.agent_id))
            ), 0)::bigint AS spent,
        coalesce((SELECT sum(hold.amount_micro) FROM billing_spendhold AS hold
            WHERE hold.tenant_id = budget.tenant_id AND hold.expires_at > clock_timestamp()
                AND (budget.api_key_id IS NULL OR hold.api_key_id = budget.api_key_id)
                AND (budget.customer_id IS NULL OR hold.customer_id = budget.customer_id)
                AND (budget.agent_id IS NULL OR hold.agent_id = budget.agent_id)), 0)::bigint AS held
    FROM billing_budget AS budget
    LEFT JOIN keys_apikey AS key ON key.id = budget.api_key_id
    LEFT JOIN agents_agent AS agent ON agent.id = budget.agent_id
    LEFT JOIN customers_customer AS customer ON customer.id = budget.customer_id
    WHERE budget."tenant_id" = ANY(%(tenants)s::uuid[]) AND budget.action = ANY(%(actions)s::text[])
    ORDER BY budget.created_at, budget.id
"""
_POSTED = """
    SELECT session_id, sum(price_micro)::bigint AS posted FROM usage_usageline
    JOIN unnest(%s::uuid[], %s::text[]) AS own (tenant_id, session_id) USING (tenant_id, session_id)
    GROUP BY session_id
"""
_RAISE = """
    UPDATE billing_spendhold AS hold SET granted_micro = hold.granted_micro + raised.amount,
        expires_at = greatest(hold.expires_at, clock_timestamp() + raised.seconds * interval '1 second')
    FROM unnest(%(ids)s::uuid[], %(amounts)s::bigint[], %(seconds)s::float8[]) AS raised (id, amount, seconds)
    WHERE hold.id = raised.id
"""
_MAKE = """
    INSERT INTO billing_spendhold
        (id, tenant_id, session_id, process_id, api_key_id, agent_id, customer_id, granted_micro,
            posted_micro, created_at, expires_at)
    SELECT gen_random_uuid(), made.tenant_id, made.session_id, %(process)s, made.api_key_id, made.agent_id,
        made.customer_id, made.amount, 0, clock_timestamp(), clock_timestamp() + %(seconds)s * interval '1 second'
    FROM unnest(%(tenants)s::uuid[], %(sessions)s::text[], %(keys)s::uuid[], %(agents)s::uuid[],
        %(customers)s::uuid[], %(amounts)s::bigint[])
        AS made (tenant_id, session_id, api_key_id, agent_id, customer_id, amount)
    ORDER BY made.tenant_id, made.session_id
"""
_DELETE = """
    DELETE FROM billing_spendhold AS hold USING unnest(%s::uuid[], %s::text[]) AS gone (tenant_id, session_id)
    WHERE hold.tenant_id = gone.tenant_id AND hold.session_id = gone.session_id
"""
