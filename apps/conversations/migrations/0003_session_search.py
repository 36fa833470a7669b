from django.db import migrations

from apps.core.operations import CreateLookup
from apps.core.row_security import SETTING


class Migration(migrations.Migration):
    """Under row security PostgreSQL uses no index for a search by words, as that operator might leak what it sees.
    This function sees only the current tenant's rows, too, and uses one."""

    dependencies = [("conversations", "0002_session_totals_and_text")]

    operations = [
        CreateLookup(
            "session_search",
            arguments="wanted text",
            returns="SETOF uuid",
            body=f"""
                SELECT session_id
                FROM public.conversations_sessiontext
                WHERE words @@ websearch_to_tsquery('simple', wanted)
                AND tenant_id = NULLIF(current_setting('{SETTING}', true), '')::uuid
            """,
        )
    ]
