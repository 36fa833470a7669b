"""PostgreSQL's setting follows the current tenant through transactions, rollbacks, threads and tasks."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import shared_task
from channels.db import database_sync_to_async
from django.db import connection, transaction

from apps.core.tasks import TenantTask
from apps.core.tenancy import NoTenant, across_tenants, atomic, current_tenant, tenant_context
from apps.keys.models import ApiKey
from tests.cast import Person

A, B = uuid.uuid4(), uuid.uuid4()


def setting() -> uuid.UUID | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid")
        return cursor.fetchone()[0]


class Undo(Exception):
    pass


@contextmanager
def rolled_back() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
            raise Undo
    except Undo:
        pass


@pytest.mark.django_db(transaction=True)
def test_it_works_nested_and_after_leaving() -> None:
    assert setting() is None
    with tenant_context(A):
        assert setting() == A
        with tenant_context(B):
            assert setting() == B
        assert setting() == A
    assert setting() is None


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_leaves_the_right_tenant() -> None:
    with tenant_context(A):
        setting()
        with tenant_context(B), rolled_back():
            assert setting() == B
        assert setting() == A


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_savepoint_leaves_the_right_tenant() -> None:
    with tenant_context(A), transaction.atomic():
        setting()
        with tenant_context(B):
            with rolled_back():
                assert setting() == B
            assert setting() == B
        with rolled_back(), tenant_context(B):
            assert setting() == B
        with tenant_context(B):
            assert setting() == B
        assert setting() == A


@pytest.mark.django_db(transaction=True)
def test_a_function_that_rolls_back_can_be_called_again() -> None:
    """The same decorator object enters both transactions, so it can't tell them apart."""

    @transaction.atomic()
    def look() -> None:
        assert setting() == B
        raise Undo

    with tenant_context(A):
        setting()
    for _ in range(2):
        with tenant_context(B), pytest.raises(Undo):
            look()


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_rolled_back_by_hand_leaves_the_right_tenant() -> None:
    with transaction.atomic(), tenant_context(A):
        setting()
        savepoint = transaction.savepoint()
        with tenant_context(B):
            setting()
            transaction.savepoint_rollback(savepoint)
            assert setting() == B


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_learns_the_tenant() -> None:
    with tenant_context(A):
        setting()
        connection.close()
        assert setting() == A


@pytest.mark.django_db(transaction=True)
async def test_interleaved_tasks_each_see_their_own_tenant() -> None:
    async def look(tenant: uuid.UUID) -> set[uuid.UUID | None]:
        with tenant_context(tenant):
            seen = set()
            for _ in range(5):
                seen.add(await database_sync_to_async(setting, thread_sensitive=False)())
                await asyncio.sleep(0)
                seen.add(await database_sync_to_async(setting)())
            return seen

    tenants = [uuid.uuid4() for _ in range(12)]
    assert await asyncio.gather(*map(look, tenants)) == [{tenant} for tenant in tenants]


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_a_transaction_across_tenants_is_on_the_other_connection(alice: Person) -> None:
    key = alice.make_key(name="before").key

    @atomic()
    def rename() -> None:
        ApiKey.objects.filter(id=key.id).update(name="after")
        raise Undo

    with across_tenants(reason="test"), pytest.raises(Undo):
        rename()
    with tenant_context(alice.tenant.id):
        key.refresh_from_db()
    assert key.name == "before"


@shared_task(base=TenantTask)
def count_keys(tenant_id: uuid.UUID) -> int:
    assert current_tenant.get() == tenant_id
    return ApiKey.objects.count()


@pytest.mark.django_db
def test_a_task_works_for_the_tenant_it_is_given_first(alice: Person) -> None:
    alice.make_key()
    assert count_keys.delay(alice.tenant.id).get() == 1
    assert count_keys.delay(str(alice.tenant.id)).get() == 1


@pytest.mark.django_db
def test_a_task_without_a_tenant_is_refused() -> None:
    with pytest.raises(TypeError):
        count_keys.delay()
    with pytest.raises(NoTenant):
        ApiKey.objects.count()
