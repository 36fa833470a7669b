"""Each tenant model, seen by a tenant, by another one and by nobody."""

import uuid

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from apps.agents.models import AgentVersion
from apps.audit.models import AuditEvent
from apps.billing.models import AccountBalance, InvoiceLine, LedgerEntry, LedgerTransaction
from apps.core.models import TenantModel
from apps.core.tenancy import CrossTenant, NoTenant, across_tenants, tenant_context
from apps.customers.models import Customer, CustomerMarkup, Statement, StatementLine
from apps.keys.models import ApiKey
from apps.usage.models import UsageLine
from tests.cast import Person
from tests.tenancy.rows import MAKERS
from tests.tenancy.test_models_declare_their_tenancy import TENANT_MODELS
from tests.tripwire import Tripwire

pytestmark = pytest.mark.django_db


@pytest.fixture(params=TENANT_MODELS, ids=lambda model: model._meta.label)
def model(request: pytest.FixtureRequest) -> type[TenantModel]:
    return request.param


@pytest.fixture
def mine(model: type[TenantModel], alice: Person) -> TenantModel:
    with tenant_context(alice.tenant.id):
        return MAKERS[model._meta.label]("mine")


@pytest.fixture
def theirs(model: type[TenantModel], mallory: Person) -> TenantModel:
    with tenant_context(mallory.tenant.id):
        return MAKERS[model._meta.label]("theirs")


@pytest.fixture
def as_alice(alice: Person, mine: TenantModel, theirs: TenantModel):
    with tenant_context(alice.tenant.id):
        yield


APPEND_ONLY = {
    AuditEvent,
    AgentVersion,
    LedgerTransaction,
    LedgerEntry,
    AccountBalance,
    UsageLine,
    Customer,  # kept with its markups and statements
    CustomerMarkup,
    Statement,
    StatementLine,
    InvoiceLine,
}


def test_it_works_for_ones_own_rows(model: type[TenantModel], as_alice: None, mine: TenantModel) -> None:
    assert model.objects.get(id=mine.id) == mine
    mine.refresh_from_db()
    assert mine.tenant.slug == "acme"
    if model not in APPEND_ONLY:
        mine.save()
        assert mine.delete()[0] == 1


def test_rows_of_another_tenant_do_not_show(
    model: type[TenantModel], as_alice: None, theirs: TenantModel
) -> None:
    assert theirs not in model.objects.all()
    assert not model._base_manager.filter(id=theirs.id).exists()
    with pytest.raises(model.DoesNotExist):
        model.objects.get(id=theirs.id)
    with pytest.raises(model.DoesNotExist):
        theirs.refresh_from_db()


def test_rows_of_another_tenant_cannot_be_changed(
    model: type[TenantModel], as_alice: None, mallory: Person, theirs: TenantModel
) -> None:
    assert model.objects.filter(id=theirs.id).update(id=theirs.id) == 0
    assert model.objects.filter(id=theirs.id).delete()[0] == 0
    with pytest.raises(CrossTenant):
        theirs.save()
    with pytest.raises(CrossTenant):
        theirs.delete()
    with pytest.raises(CrossTenant):
        model.objects.bulk_create([theirs])
    with tenant_context(mallory.tenant.id):
        assert model.objects.filter(id=theirs.id).exists()


def test_a_row_cannot_move_to_another_tenant(
    model: type[TenantModel], as_alice: None, mine: TenantModel, mallory: Person
) -> None:
    with pytest.raises(CrossTenant):
        model.objects.update(tenant=mallory.tenant)
    mine.tenant = mallory.tenant
    with pytest.raises(CrossTenant):
        mine.save()
    with pytest.raises(CrossTenant):
        model.objects.bulk_update([mine], ["tenant"])


def test_raw_sql_sees_and_changes_only_ones_own_rows(
    model: type[TenantModel],
    as_alice: None,
    mine: TenantModel,
    theirs: TenantModel,
    mallory: Person,
    sql_tripwire: Tripwire,
) -> None:
    table = model._meta.db_table
    with sql_tripwire.disarmed(), connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table}")
        seen = {row[0] for row in cursor.fetchall()}
        assert mine.id in seen
        assert theirs.id not in seen
        cursor.execute(f"UPDATE {table} SET id = id WHERE id = %s", [theirs.id])
        assert cursor.rowcount == 0
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [theirs.id])
        assert cursor.rowcount == 0
        with pytest.raises(ProgrammingError, match=r"row-level security|never changed"), transaction.atomic():
            cursor.execute(f"UPDATE {table} SET tenant_id = %s WHERE id = %s", [mallory.tenant.id, mine.id])


def test_without_a_tenant_there_is_nothing(
    model: type[TenantModel], mine: TenantModel, sql_tripwire: Tripwire
) -> None:
    for attempt in (model.objects.all, model.objects.count, mine.save, mine.delete, mine.refresh_from_db):
        with pytest.raises(NoTenant):
            attempt()
    with sql_tripwire.disarmed(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_across_tenants_every_row_shows_and_leaving_hides_them_again(
    model: type[TenantModel], mine: TenantModel, theirs: TenantModel, alice: Person
) -> None:
    with across_tenants(reason="test"):
        everything = model.objects.all()
        assert {mine, theirs} <= set(everything)
        found = model.objects.get(id=theirs.id)
    with tenant_context(alice.tenant.id), pytest.raises(CrossTenant):
        found.save()


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_a_query_prepared_across_tenants_shows_nothing_when_run_later(
    model: type[TenantModel], mine: TenantModel, theirs: TenantModel, alice: Person, sql_tripwire: Tripwire
) -> None:
    with across_tenants(reason="test"):
        prepared = model.objects.filter(id=theirs.id)
    with sql_tripwire.disarmed(), tenant_context(alice.tenant.id):
        assert not prepared.exists()


def test_a_link_to_another_tenants_row_is_refused(alice: Person, mallory: Person) -> None:
    with tenant_context(alice.tenant.id), pytest.raises(CrossTenant):
        ApiKey(name="x", created_by=mallory.membership).save()


def test_a_link_by_bare_id_is_refused_by_the_database(alice: Person, mallory: Person) -> None:
    key = alice.make_key().key

    @transaction.atomic()
    def link() -> None:
        ApiKey.objects.filter(id=key.id).update(created_by_id=mallory.membership.id)
        connection.check_constraints()

    with tenant_context(alice.tenant.id), pytest.raises(IntegrityError, match="within_tenant"):
        link()


@pytest.mark.django_db(transaction=True, databases=["default", "across"])
def test_across_tenants_a_new_row_needs_its_tenant(alice: Person) -> None:
    key = alice.make_key().key
    with across_tenants(reason="test"):
        key.tenant_id = None
        with pytest.raises(NoTenant):
            key.save()


def test_a_tenant_is_named_by_its_uuid_only() -> None:
    with pytest.raises(TypeError), tenant_context(str(uuid.uuid4())):  # type: ignore[arg-type]
        pass
