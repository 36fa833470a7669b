"""Answers that are made while they are sent."""

import asyncio
import threading
import uuid
from collections.abc import Iterator

import pytest
from django.db import connections

from apps.core.streaming import streamed
from apps.core.tenancy import current_tenant, tenant_context
from apps.jobs.models import Job
from tests.cast import Person


class Pieces:
    """Numbers, and what is known of their making."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.made = 0
        self.is_closed = False
        self.threads: set[str] = set()
        self.tenants: set[object] = set()
        self._count = count
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[bytes]:
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise ZeroDivisionError
                self.made += 1
                self.threads.add(threading.current_thread().name)
                self.tenants.add(current_tenant.get())
                yield b"%d" % number
        finally:
            self.is_closed = True


async def test_each_is_made_when_the_one_before_it_was_taken() -> None:
    pieces, tenant = Pieces(5), uuid.uuid4()
    with tenant_context(tenant):
        answer = streamed(iter(pieces))
    assert pieces.made == 0
    found = []
    async for piece in answer:
        found.append(piece)
        assert pieces.made == len(found)
    assert b"".join(found) == b"01234"
    assert pieces.is_closed
    assert pieces.tenants == {tenant}
    assert len(pieces.threads) == 1
    assert threading.current_thread().name not in pieces.threads


async def test_who_leaves_ends_it() -> None:
    pieces = Pieces(5)
    answer = streamed(iter(pieces))
    assert await anext(answer) == b"0"
    await answer.aclose()  # type: ignore[attr-defined]
    assert (pieces.made, pieces.is_closed) == (1, True)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stream")]


async def test_who_leaves_while_a_piece_is_made_ends_it_when_that_is_done() -> None:
    began, may_end, closed = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        try:
            began.set()
            assert may_end.wait(10)
            yield b"late"
        finally:
            closed.set()

    answer = streamed(slow())
    waiting = asyncio.ensure_future(anext(answer))
    assert await asyncio.to_thread(began.wait, 10)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not closed.is_set()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert closed.is_set()


async def test_an_error_is_the_callers() -> None:
    pieces = Pieces(5, fails_at=2)
    answer = streamed(iter(pieces))
    assert [await anext(answer), await anext(answer)] == [b"0", b"1"]
    with pytest.raises(ZeroDivisionError):
        await anext(answer)
    assert pieces.is_closed


async def test_many_at_once_keep_to_their_tenants() -> None:
    tenants = [uuid.uuid4() for _ in range(8)]

    def of_tenant() -> Iterator[str]:
        for _ in range(5):
            yield str(current_tenant.get())

    async def take(tenant: uuid.UUID) -> set[str]:
        with tenant_context(tenant):
            answer = streamed(of_tenant())
        return {piece async for piece in answer}

    assert await asyncio.gather(*map(take, tenants)) == [{str(tenant)} for tenant in tenants]


@pytest.mark.django_db(transaction=True)
async def test_a_cursor_stays_open_and_its_connection_is_given_back(alice: Person) -> None:
    from django.utils import timezone

    opened: list[object] = []

    def rows() -> Iterator[str]:
        for job in Job.objects.order_by("key").iterator(chunk_size=2):
            opened.append(connections["default"].connection)
            yield job.key

    def make() -> None:
        Job.objects.bulk_create(Job(kind="k", key=str(n), run_at=timezone.now()) for n in range(5))

    from channels.db import database_sync_to_async

    with tenant_context(alice.tenant.id):
        await database_sync_to_async(make)()
        answer = streamed(rows())
    assert [key async for key in answer] == ["0", "1", "2", "3", "4"]
    with tenant_context(alice.tenant.id):
        answer = streamed(rows())
    assert await anext(answer) == "0"
    await answer.aclose()  # type: ignore[attr-defined]
    assert opened
    assert all(connection.closed for connection in opened)  # type: ignore[attr-defined]
