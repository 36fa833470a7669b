"""Migration operations that make PostgreSQL enforce tenancy."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from apps.core.row_security import SETTING
from apps.core.tenancy import ACROSS_DATABASE, own_connection

POLICY = "tenant_isolation"
# A scalar sub-select is evaluated once per statement, not per row; unset and '' both match no row.
_OF_TENANT = f"tenant_id = (SELECT NULLIF(current_setting('{SETTING}', true), '')::uuid)"


class _DatabaseOnly(Operation):
    """Changes the database and not the models."""

    reduces_to_sql = True
    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass


class EnableRowSecurity(_DatabaseOnly):
    """Rows of other tenants neither show nor can be written, whatever the SQL. FORCE binds the owner too."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = _table(schema_editor, to_state, app_label, self.model_name)
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        schema_editor.execute(
            f"CREATE POLICY {POLICY} ON {table} USING ({_OF_TENANT}) WITH CHECK ({_OF_TENANT})"
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = _table(schema_editor, from_state, app_label, self.model_name)
        schema_editor.execute(f"DROP POLICY {POLICY} ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Enable row security on {self.model_name}"


class LinkWithinTenant(_DatabaseOnly):
    """Adds `(tenant_id, <field>_id) -> (tenant_id, id)` to a foreign key between tenant models.

    PostgreSQL checks foreign keys without row security: the plain constraint accepts another tenant's row.
    """

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name = model_name
        self.field_name = field_name

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        quote = schema_editor.quote_name
        field = to_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.field_name)
        table, target = quote(field.model._meta.db_table), quote(field.related_model._meta.db_table)
        index = quote(f"{field.related_model._meta.db_table}_within_tenant")
        schema_editor.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {target} (tenant_id, id)")
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {quote(self._constraint(field))} "
            f"FOREIGN KEY (tenant_id, {quote(field.column)}) REFERENCES {target} (tenant_id, id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        quote = schema_editor.quote_name
        field = from_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.field_name)
        table = quote(field.model._meta.db_table)
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(self._constraint(field))}")

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} within the tenant"

    @staticmethod
    def _constraint(field: Any) -> str:
        return f"{field.model._meta.db_table}_{field.column}_within_tenant"


class AppendOnly(_DatabaseOnly):
    """Rows are never altered, and deleted by nobody but the role that bypasses row security: with their tenant, or
    when they are old."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = _table(schema_editor, to_state, app_label, self.model_name)
        schema_editor.execute(
            """CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'DELETE' AND (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
                    RETURN OLD;
                END IF;
                RAISE EXCEPTION 'Rows of % are never changed.', TG_TABLE_NAME;
            END $$""",
            params=None,
        )
        schema_editor.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION append_only()"
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        table = _table(schema_editor, from_state, app_label, self.model_name)
        schema_editor.execute(f"DROP TRIGGER append_only ON {table}")

    def describe(self) -> str:
        return f"Let rows of {self.model_name} only be added"


class CreateLookup(_DatabaseOnly):
    """A SECURITY DEFINER function: the way to find out *which* tenant a caller belongs to.

    With FORCE ROW LEVEL SECURITY the tables' owner sees nothing without a tenant, so the function belongs to
    the role that bypasses row security. That role makes it, over its own connection, since the application's
    role must not be able to become it: so this needs a migration of its own, after that of the tables.
    `body` names every table with its schema, because the search path is locked. What a function returns can't be
    altered: one that `replaces` another of the same name takes its place.
    """

    def __init__(
        self, name: str, *, arguments: str, returns: str, body: str, replaces: "CreateLookup | None" = None
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.returns = returns
        self.body = body
        self.replaces = replaces

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        old = [self.replaces._drop()] if self.replaces else []
        self._as_across(schema_editor, *old, *self._create(schema_editor))

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        old = self.replaces._create(schema_editor) if self.replaces else []
        self._as_across(schema_editor, self._drop(), *old)

    def describe(self) -> str:
        return f"Create the lookup {self.name}"

    def _create(self, schema_editor: BaseDatabaseSchemaEditor) -> list[str]:
        caller = schema_editor.quote_name(_current_user(schema_editor))
        signature = f"public.{self.name}({self.arguments})"
        return [
            f"CREATE OR REPLACE FUNCTION {signature} RETURNS {self.returns} LANGUAGE sql STABLE "
            f"SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $lookup${self.body}$lookup$",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {caller}",
        ]

    def _drop(self) -> str:
        return f"DROP FUNCTION public.{self.name}({self.arguments})"

    @staticmethod
    def _as_across(schema_editor: BaseDatabaseSchemaEditor, *statements: str) -> None:
        """Runs on the database that is migrated; for tests, `across` does not point to it yet."""
        if schema_editor.collect_sql:
            schema_editor.collected_sql.extend(f"{statement};" for statement in statements)
            return
        name = schema_editor.connection.settings_dict["NAME"]
        with own_connection(ACROSS_DATABASE, name=name) as across, across.cursor() as cursor:
            cursor.execute("; ".join(statements))  # one transaction: nobody finds the function missing


def _table(schema_editor: BaseDatabaseSchemaEditor, state: ProjectState, app_label: str, model: str) -> str:
    return schema_editor.quote_name(state.apps.get_model(app_label, model)._meta.db_table)


def _current_user(schema_editor: BaseDatabaseSchemaEditor) -> str:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])
