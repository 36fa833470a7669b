"""`manage.py usage`: what a tenant used, as a table for people and as JSON for programs."""

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.core.tenancy import tenant_context
from apps.usage.models import UsageLine
from tests.cast import Person

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


def line(person: Person, key: str = "sess_1:response:resp_1:0", **fields: Any) -> None:
    with tenant_context(person.tenant.id):
        UsageLine.objects.create(
            **{
                "key": key,
                "unit": "output_text_token",
                "kind": "response",
                "session_id": "sess_1",
                "response_id": "resp_1",
                "attempt": 0,
                "provider": "openai",
                "model": "openai/gpt-6-sol",
                "quantity": 20,
                "rate_id": "a-rate",
                "unit_price": Decimal(10),
                "per": 1_000_000,
                "cost_micro": 160,
                "price_micro": 200,
                "estimated": False,
                "is_priced": True,
                "outcome": "completed",
                "at": AT,
                "posting_id": uuid.uuid4(),
            }
            | fields
        )


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("usage", "--tenant", "acme", *arguments, stdout=out)
    return out.getvalue()


def printed(*arguments: str) -> Any:
    return json.loads(run("--json", *arguments))


def test_it_works_records_and_their_sums(alice: Person) -> None:
    line(alice)
    line(alice, "sess_1:response:resp_2:0", response_id="resp_2", estimated=True)
    speech = {"kind": "speech", "model": "acme/voice", "unit": "character", "unit_price": None, "per": None}
    line(alice, "sess_1:speech:resp_2:0", **speech, is_priced=False, price_micro=0, rate_id="")
    found = printed()
    assert found["records"][0] == {
        "record": "sess_1:response:resp_1:0",
        "session": "sess_1",
        "response": "resp_1",
        "item": None,
        "kind": "response",
        "attempt": 0,
        "model": "openai/gpt-6-sol",
        "unit": "output_text_token",
        "quantity": 20,
        "price_micro": 200,
        "unit_price": "10",
        "per": 1_000_000,
        "rate": "a-rate",
        "estimated": False,
        "unpriced": False,
        "outcome": "completed",
        "api_key": None,
        "agent_version": None,
        "customer": None,
        "at": "2026-11-18T11:06:40Z",
    }
    assert found["records"][2]["unpriced"] is True
    assert found["sums"] == {
        "records": 3,
        "price_micro": 400,
        "estimated_micro": 200,
        "unpriced": 1,
        "by_model": [
            {
                "kind": "response",
                "model": "openai/gpt-6-sol",
                "unit": "output_text_token",
                "quantity": 40,
                "price_micro": 400,
            },
            {"kind": "speech", "model": "acme/voice", "unit": "character", "quantity": 20, "price_micro": 0},
        ],
    }


def test_nothing_used_is_no_records(alice: Person) -> None:
    assert printed() == {
        "records": [],
        "sums": {"records": 0, "price_micro": 0, "estimated_micro": 0, "unpriced": 0, "by_model": []},
    }


def test_a_session_that_nothing_is_recorded_of_is_told_beside_the_records(alice: Person) -> None:
    line(alice)
    out, beside = StringIO(), StringIO()
    call_command("usage", "--tenant", "acme", "--session", "sess_typo", "--json", stdout=out, stderr=beside)
    assert json.loads(out.getvalue())["records"] == []
    assert "'sess_typo'" in beside.getvalue()


def test_only_of_one_session_and_only_of_a_time(alice: Person) -> None:
    line(alice)
    line(alice, "other", session_id="sess_2", at=AT.replace(hour=12))

    def keys(*arguments: str) -> list[str]:
        return [record["record"] for record in printed(*arguments)["records"]]

    assert keys("--session", "sess_2") == ["other"]
    assert keys("--since", "2026-11-18T11:06:40", "--until", "2026-11-18T12:06:40") == [
        "sess_1:response:resp_1:0"
    ]
    assert keys("--since", "2026-11-18T13:00+01:00") == ["other"]
    assert len(keys("--since", "2026-11-18", "--until", "2026-11-19")) == 2


def test_another_tenants_usage_is_not_shown(alice: Person, mallory: Person) -> None:
    line(mallory)
    assert printed()["records"] == []


def test_a_table_for_people(alice: Person) -> None:
    line(alice, estimated=True)
    first, total, by_model = run().splitlines()
    assert first.endswith("sess_1  response  openai/gpt-6-sol  output_text_token  20  200  estimated")
    assert total == "1 records, 0.000200 USD"
    assert by_model == "  response  openai/gpt-6-sol  20 output_text_token  0.000200 USD"


def test_the_operators_cost_is_not_in_it(alice: Person) -> None:
    line(alice)
    assert "160" not in run() + run("--json")


def test_an_unknown_tenant_and_a_bad_time_are_said() -> None:
    with pytest.raises(CommandError, match="There is no tenant 'acme'"):
        run()
    with pytest.raises(CommandError, match="is no date or time"):
        run("--since", "yesterday")
