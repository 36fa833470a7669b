"""A tenant's routers: put, listed, deleted, read for sessions; and what processes tell each other of models."""

import asyncio
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from antiphon.providers.routing.format import LanguageRouter
from antiphon.providers.routing.health import Cell, Health, Seen, Unreachable
from antiphon.providers.routing.statistics import Counts
from apps.core.tenancy import NoTenant, tenant_context
from apps.routers.exchange import HealthExchange, RedisTotals
from apps.routers.models import Router
from apps.routers.selectors import router_list, routers_of
from apps.routers.services import router_delete, router_put
from tests.cast import Person

MAIN = json.dumps({"kind": "language", "default": {"variants": [{"models": ["local/dialogue"]}]}})
EARS = json.dumps({"kind": "speech_to_text", "models": ["local/whisper-base"]})


@pytest.fixture
def as_alice(alice: Person):
    with tenant_context(alice.tenant.id):
        yield alice


def put(*arguments: str) -> str:
    out = StringIO()
    call_command("put_router", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def main_file(tmp_path: Path) -> str:
    path = tmp_path / "main.json"
    path.write_text(MAIN)
    return str(path)


@pytest.mark.django_db
class TestRouters:
    def test_it_works(self, as_alice: Person) -> None:
        router = router_put(name="main", definition=MAIN)
        assert (str(router), router.kind, router.version) == ("router/main", "language", 1)
        assert list(router_list()) == [router]
        found = routers_of(as_alice.tenant.id)
        assert isinstance(found["main"], LanguageRouter)
        assert found["main"].models == ("local/dialogue",)

    def test_the_same_definition_again_changes_nothing(self, as_alice: Person) -> None:
        first = router_put(name="main", definition=MAIN)
        again = router_put(name="main", definition=json.dumps(json.loads(MAIN), indent=8).encode())
        assert (again.id, again.version, again.updated_at) == (first.id, 1, first.updated_at)

    def test_another_definition_is_the_next_version(self, as_alice: Person) -> None:
        first = router_put(name="main", definition=MAIN)
        second = router_put(name="main", definition=EARS)
        assert (second.id, second.version, second.kind) == (first.id, 2, "speech_to_text")
        assert Router.objects.count() == 1

    def test_a_deleted_router_is_gone(self, as_alice: Person) -> None:
        router_delete(router=router_put(name="main", definition=MAIN))
        assert routers_of(as_alice.tenant.id) == {}

    def test_two_tenants_may_use_one_name(self, alice: Person, mallory: Person) -> None:
        for person, definition in ((alice, MAIN), (mallory, EARS)):
            with tenant_context(person.tenant.id):
                router_put(name="main", definition=definition)
        assert isinstance(routers_of(alice.tenant.id)["main"], LanguageRouter)
        assert not isinstance(routers_of(mallory.tenant.id)["main"], LanguageRouter)

    def test_without_a_tenant_there_is_no_router(self) -> None:
        with pytest.raises(NoTenant):
            router_put(name="main", definition=MAIN)

    @pytest.mark.parametrize("name", ["", "Main", "a b", "-a", "a/b", "x" * 65])
    def test_it_refuses_a_name_that_is_none(self, as_alice: Person, name: str) -> None:
        with pytest.raises(ValidationError) as refusal:
            router_put(name=name, definition=MAIN)
        assert set(refusal.value.message_dict) == {"name"}

    def test_it_refuses_a_definition_with_the_path_of_each_problem(self, as_alice: Person) -> None:
        with pytest.raises(ValidationError) as refusal:
            router_put(name="main", definition=b'{"kind": "speech_to_text", "models": ["router/x", "y"]}')
        first, second = refusal.value.message_dict["definition"]
        assert first.startswith("models[0]: A router can't name another router")
        assert second.startswith("models[1]: 'y' names no model.")
        assert not Router.objects.exists()

    def test_it_refuses_models_that_speak_themselves(self, as_alice: Person) -> None:
        with pytest.raises(ValidationError, match="Sessions name it directly"):
            router_put(name="main", definition=MAIN.replace("local/dialogue", "openai/gpt-realtime-2"))

    def test_a_definition_that_this_version_cannot_read_is_left_out(self, as_alice: Person) -> None:
        router_put(name="main", definition=MAIN)
        router_put(name="old", definition=EARS)
        Router.objects.filter(name="old").update(definition='{"kind": "telepathy"}')
        assert set(routers_of(as_alice.tenant.id)) == {"main"}

    def test_the_command_puts_a_router(self, alice: Person, main_file: str) -> None:
        for _ in range(2):
            assert put("--tenant", "acme", "--name", "main", main_file) == "router/main is at version 1.\n"
        assert set(routers_of(alice.tenant.id)) == {"main"}

    def test_the_command_refuses_an_unknown_tenant(self, main_file: str) -> None:
        with pytest.raises(CommandError, match=r"^There is no tenant 'nobody'\.$"):
            put("--tenant=nobody", "--name=main", main_file)

    def test_the_command_refuses_a_file_that_is_not_there(self, alice: Person) -> None:
        with pytest.raises(CommandError, match="nowhere can't be read: No such file"):
            put("--tenant=acme", "--name=main", "nowhere")

    def test_the_command_tells_what_is_wrong_in_the_file(self, alice: Person, tmp_path: Path) -> None:
        path = tmp_path / "main.json"
        path.write_text('{"kind": "language"}')
        with pytest.raises(CommandError, match=r"^default: It is missing\. Give it\.$"):
            put("--tenant=acme", "--name=main", str(path))


CELL = Cell("acme:m/a", 30, 1)
OTHER = Cell("acme:m/b", 30, 1)


async def test_totals_add_up_in_redis(redis_url: str) -> None:
    totals = RedisTotals(redis_url)
    try:
        await totals.exchange({CELL: Counts({"calls": 2, "errors": 0})}, [])
        found = await totals.exchange({CELL: Counts({"calls": 1, "errors": 1})}, [OTHER, CELL])
        assert found == {CELL: Counts({"calls": 3, "errors": 1}), OTHER: Counts()}
        lifetime = await totals._redis.ttl("antiphon:health:acme:m/a:30:1")
        assert 80 < lifetime <= 90
    finally:
        await totals._redis.flushdb()
        await totals.aclose()


async def test_totals_out_of_reach_say_so() -> None:
    totals = RedisTotals("redis://127.0.0.1:1")
    with pytest.raises(Unreachable, match="ConnectionError"):
        await totals.exchange({CELL: Counts({"calls": 1})}, [CELL])
    await totals.aclose()


async def test_two_processes_know_of_each_others_calls(redis_url: str) -> None:
    one, other = Health(), Health()
    exchanges = [HealthExchange(health) for health in (one, other)]
    for exchange in exchanges:
        exchange.start(redis_url)
    try:
        for _ in range(3):
            one.began("acme:m/shared")
            one.ended("acme:m/shared", Seen(5.0, failed=True))
        for _ in range(100):
            if other.vital("acme:m/shared").breaker == "open":
                return
            await asyncio.sleep(0.1)
        pytest.fail("The other process has not heard of the failures.")
    finally:
        for exchange in exchanges:
            await exchange.stop()


async def test_an_exchange_that_was_never_started_can_be_stopped() -> None:
    await HealthExchange(Health()).stop()
