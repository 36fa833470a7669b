"""What is left of a platform's sessions once all of them are over: read from outside, as an operator can."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

import psycopg
import redis

from antiphon.embedded.running import running_environment
from tests.platform_fixture import PROJECT, Platform

TENANT = "demo"
_COMMAND_SECONDS = 300.0
_TABLES = ("usage_usagehour", "usage_usageday")


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Looks at the servers of a running platform."""

    platform: Platform

    def remains(self) -> Sequence[str]:
        """What is still there and should go by itself: places, holds, and records that are no rows."""
        try:
            return [*self._places(), *self._holds(), *self._orphans()]
        except (psycopg.OperationalError, redis.RedisError) as error:
            return [f"A server is not back yet: {error}"]

    def open_sessions(self) -> set[str]:
        with self._database() as connection:
            rows = connection.execute(
                "SELECT session_id FROM conversations_realtimesession WHERE ended_at IS NULL"
            ).fetchall()
        return {session_id for (session_id,) in rows}

    def let_minutes_pass(self, minutes: int) -> None:
        """For the sessions that gave no sign of life since."""
        with self._database() as connection:
            connection.execute(
                "UPDATE conversations_realtimesession SET alive_at = alive_at - %s * interval '1 minute' "
                "WHERE ended_at IS NULL",
                [minutes],
            )

    def sums(self) -> list[tuple[Any, ...]]:
        """All rows of both roll-ups, without their ids."""
        found: list[tuple[Any, ...]] = []
        with self._database() as connection:
            for table in _TABLES:
                sql = f"SELECT (to_jsonb(sums) - 'id')::text FROM {table} AS sums ORDER BY 1"
                found += [(table, *row) for row in connection.execute(sql.encode()).fetchall()]
        return found

    def revenue_micro(self) -> int:
        """What the ledger says was used."""
        with self._database() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(amount_micro), 0)::bigint FROM billing_ledgerentry "
                "WHERE account = 'usage_revenue'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    async def manage(self, *arguments: str) -> str:
        """What a command of manage.py prints. Raises AssertionError if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROJECT / "manage.py"), *arguments),
            env=os.environ | {"ANTIPHON_DATA_DIR": str(self.platform.data_dir)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_COMMAND_SECONDS):
            out, errors = await process.communicate()
        assert process.returncode == 0, f"manage.py {' '.join(arguments)}: {errors.decode()}"
        return out.decode()

    async def usage(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.manage("usage", "--tenant", TENANT, "--json"))
        return found

    def _places(self) -> Iterator[str]:
        with redis.Redis.from_url(self._environment["REDIS_URL"], decode_responses=True) as valkey:
            for kind in ("antiphon:{*}:sessions*", "antiphon:call:*", "antiphon:resume:*"):
                for name in valkey.scan_iter(kind, count=1000):
                    yield f"In Valkey there is still {name}."

    def _holds(self) -> Iterator[str]:
        with self._database() as connection:
            rows = connection.execute("SELECT session_id, amount_micro FROM billing_spendhold").fetchall()
        for session_id, amount in rows:
            yield f"{session_id} still holds {amount} micro-dollars."

    def _orphans(self) -> Iterator[str]:
        """Files of processes that are gone, and what nobody could make rows of."""
        for path in spool_of(self.platform.data_dir):
            if path.suffix != ".usage":
                yield f"In the spool there is {path.name}."
            elif path.stat().st_size and not _is_locked(path):
                yield f"{path.name} belongs to nobody and is no rows yet."

    def _database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self._environment["ACROSS_DATABASE_URL"], autocommit=True)

    @property
    def _environment(self) -> dict[str, str]:
        return running_environment(self.platform.data_dir)


def spool_of(data_dir: Path) -> Sequence[Path]:
    return sorted((data_dir / "spool" / "usage").iterdir())


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return True  # made rows of meanwhile
    return False
