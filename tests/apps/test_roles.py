import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from antiphon.embedded.postgres import EmbeddedPostgres
from antiphon.embedded.roles import prepare_roles


def test_it_works_and_again(embedded_postgres: EmbeddedPostgres) -> None:
    first = prepare_roles(embedded_postgres.superuser_url)
    assert prepare_roles(embedded_postgres.superuser_url) == first
    for url, role in ((first.app, "antiphon"), (first.across, "antiphon_across")):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == (
                role,
                "antiphon",
            )


def test_the_role_that_goes_across_reaches_tables_made_later(embedded_postgres: EmbeddedPostgres) -> None:
    urls = prepare_roles(embedded_postgres.superuser_url)
    with psycopg.connect(urls.app) as app:
        app.execute("CREATE TABLE made_later (id int)")
    with psycopg.connect(urls.across) as across:
        across.execute("INSERT INTO made_later VALUES (1)")
        across.execute("DROP TABLE made_later")


def test_the_applications_role_cannot_become_the_other(embedded_postgres: EmbeddedPostgres) -> None:
    urls = prepare_roles(embedded_postgres.superuser_url)
    with psycopg.connect(urls.app) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SET ROLE antiphon_across")


def test_attributes_that_somebody_changed_are_reset(embedded_postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(embedded_postgres.superuser_url, autocommit=True) as superuser:
        prepare_roles(embedded_postgres.superuser_url)
        superuser.execute("ALTER ROLE antiphon BYPASSRLS")
        prepare_roles(embedded_postgres.superuser_url)
        query = "SELECT rolbypassrls FROM pg_roles WHERE rolname = 'antiphon'"
        assert superuser.execute(query).fetchone() == (False,)


def test_the_roles_have_passwords_if_the_superuser_has_one(embedded_postgres: EmbeddedPostgres) -> None:
    url = embedded_postgres.superuser_url.replace("@", ":secret@", 1)
    urls = prepare_roles(url)
    assert prepare_roles(url) == urls
    assert conninfo_to_dict(urls.app)["password"] != conninfo_to_dict(urls.across)["password"]
    with psycopg.connect(url) as superuser:
        query = "SELECT count(rolpassword) FROM pg_authid WHERE rolname LIKE 'antiphon%'"
        assert superuser.execute(query).fetchone() == (2,)
        prepare_roles(embedded_postgres.superuser_url)
        assert superuser.execute(query).fetchone() == (0,)
