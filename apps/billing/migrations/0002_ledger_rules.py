"""What PostgreSQL itself holds the ledger to."""

from django.db import migrations

# Row security may have been left for another tenant, or none, by the time of the commit: so the check goes to the
# row's tenant and back.
BALANCED = """
    CREATE FUNCTION ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        before text := current_setting('app.tenant_id', true);
        entries integer;
        total numeric;
        which uuid := CASE TG_TABLE_NAME WHEN 'billing_ledgerentry' THEN (to_jsonb(NEW) ->> 'transaction_id')::uuid
            ELSE (to_jsonb(NEW) ->> 'id')::uuid END;
    BEGIN
        PERFORM set_config('app.tenant_id', NEW.tenant_id::text, false);
        SELECT count(*), coalesce(sum(amount_micro), 0) INTO entries, total FROM public.billing_ledgerentry
            WHERE tenant_id = NEW.tenant_id AND transaction_id = which;
        PERFORM set_config('app.tenant_id', coalesce(before, ''), false);
        IF entries < 2 OR total <> 0 THEN
            RAISE EXCEPTION 'The % entries of the transaction % sum to %: there must be two or more, and 0.',
                entries, which, total USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""
CHECKED = """
    CREATE CONSTRAINT TRIGGER ledger_balanced AFTER INSERT ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balanced()
"""
# Sorted, so that two statements of several tenants never wait for each other.
ADD_UP = """
    CREATE FUNCTION ledger_add_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.billing_accountbalance AS balance (id, tenant_id, account, amount_micro)
        SELECT gen_random_uuid(), tenant_id, account, sum(amount_micro) FROM added
        GROUP BY tenant_id, account ORDER BY tenant_id, account
        ON CONFLICT (tenant_id, account) DO UPDATE SET amount_micro = balance.amount_micro + excluded.amount_micro;
        RETURN NULL;
    END $$
"""
ADDED_UP = """
    CREATE TRIGGER ledger_add_up AFTER INSERT ON billing_ledgerentry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_up()
"""
BY_ENTRIES_ONLY = """
    CREATE FUNCTION by_entries_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
            RETURN OLD;
        END IF;
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'A balance is never changed but by entries of the ledger.';
        END IF;
        RETURN NEW;
    END $$
"""
GUARDED = """
    CREATE TRIGGER by_entries_only BEFORE INSERT OR UPDATE OR DELETE ON billing_accountbalance
    FOR EACH ROW EXECUTE FUNCTION by_entries_only()
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL([BALANCED], ["DROP FUNCTION ledger_balanced()"]),
        *(
            migrations.RunSQL([CHECKED.format(table=table)], [f"DROP TRIGGER ledger_balanced ON {table}"])
            for table in ("billing_ledgertransaction", "billing_ledgerentry")
        ),
        migrations.RunSQL([ADD_UP], ["DROP FUNCTION ledger_add_up()"]),
        migrations.RunSQL([ADDED_UP], ["DROP TRIGGER ledger_add_up ON billing_ledgerentry"]),
        migrations.RunSQL([BY_ENTRIES_ONLY], ["DROP FUNCTION by_entries_only()"]),
        migrations.RunSQL([GUARDED], ["DROP TRIGGER by_entries_only ON billing_accountbalance"]),
    ]
