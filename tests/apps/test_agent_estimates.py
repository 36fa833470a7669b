"""What a minute with an agent costs, about, and how long it takes to answer."""

from dataclasses import replace
from datetime import date

import pytest
from msgspec import structs

from antiphon.metering.price_files import list_prices
from antiphon.protocol.session import SemanticVad, ServerVad
from antiphon.providers.catalogue import loader
from apps.agents.estimates import Estimate, UsedModels, estimate
from apps.agents.offers import offers_for
from apps.agents.spec import AgentSpec, Hearing, Model, Prompt, Voice
from apps.core.tenancy import tenant_context
from apps.credentials.services import credential_set
from apps.routers.services import router_put
from tests.cast import Person

SPEC = AgentSpec(prompt=Prompt(instructions="x" * 4_000), turn_taking=ServerVad(silence_duration_ms=500))
NOW = 1_790_000_000_000.0  # ms
CASCADE = UsedModels(
    language=("groq/openai/gpt-oss-120b",),
    recogniser=("deepgram/nova-3",),
    voice=("elevenlabs/eleven_flash_v2_5",),
)
LOCAL = UsedModels(("local/dialogue",), ("local/whisper-base",), ("local/piper-joe",))


def estimated(models: UsedModels, spec: AgentSpec = SPEC) -> Estimate:
    catalogue = {entry.name: entry for entry in loader.entries()}
    return estimate(spec, models, list_prices(), catalogue, NOW)


def cents(micro: int | None) -> float:
    assert micro is not None
    return micro / 10_000


def test_it_works_each_part_has_its_price() -> None:
    parts = {part.label: part for part in estimated(CASCADE).parts}
    assert cents(parts["Recogniser"].least) == pytest.approx(0.0058 * 0.4 * 100, rel=0.01)
    assert cents(parts["Voice"].least) == pytest.approx(360 * 0.05 / 1000 * 100, rel=0.01)
    assert cents(parts["Model"].least) == pytest.approx(
        4 * 1_400 * 0.15e-6 * 100 + 80 * 0.6e-6 * 100, rel=0.01
    )
    assert estimated(CASCADE).unpriced == []


def test_embedded_models_cost_nothing() -> None:
    assert (estimated(LOCAL).least, estimated(LOCAL).most, estimated(LOCAL).unpriced) == (0, 0, [])


def test_a_price_that_nobody_knows_is_said() -> None:
    mine = replace(CASCADE, voice=("mine/voice",))
    assert estimated(mine).unpriced == ["Voice"]
    assert estimated(mine).least > 0


def test_a_router_costs_between_its_cheapest_and_its_dearest_model() -> None:
    both = replace(CASCADE, voice=("local/piper-joe", "elevenlabs/eleven_flash_v2_5"))
    voice = estimated(both).parts[-1]
    assert voice.least == 0
    assert cents(voice.most) == pytest.approx(1.8, rel=0.01)


def test_a_model_that_speaks_itself_is_the_only_part_that_costs() -> None:
    native = UsedModels(("openai/gpt-realtime",), speaks_itself=True)
    found = estimated(native)
    assert [part.label for part in found.parts] == ["End of turn", "Model"]
    assert 2 < cents(found.least) < 10


def test_a_longer_prompt_costs_more() -> None:
    longer = structs.replace(SPEC, prompt=Prompt(instructions="x" * 40_000))
    assert estimated(CASCADE, longer).least > estimated(CASCADE).least


@pytest.mark.parametrize(
    ("turn_taking", "wait"),
    [(ServerVad(silence_duration_ms=800), 800), (SemanticVad(eagerness="high"), 200), (None, 0)],
)
def test_the_wait_begins_with_the_silence_that_ends_a_turn(turn_taking: object, wait: int) -> None:
    spec = structs.replace(SPEC, turn_taking=turn_taking)
    assert estimated(LOCAL, spec).wait_ms == wait + 280 + 5 + 270


def test_offers_are_what_can_be_used_and_what_wants_a_key(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        credential_set(provider="groq", key="a-secret-key")
        router_put(name="main", definition='{"kind": "speech_to_text", "models": ["local/whisper-base"]}')
    offers = offers_for(alice.tenant, today=date(2026, 11, 1))
    language = offers.of("language", "realtime")
    usable = [offer.name for offer in language if not offer.obstacle]
    assert "local/dialogue" in usable
    assert "groq/openai/gpt-oss-120b" in usable
    assert language[: len(usable)] == [offer for offer in language if not offer.obstacle], "these first"
    locked = next(offer for offer in language if offer.name == "openai/gpt-realtime")
    assert "Add a key for openai" in locked.obstacle
    assert "router/main" in [offer.name for offer in offers.of("speech_to_text")]


def test_what_a_spec_uses_is_what_it_names_behind_routers_and_else_the_defaults(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        router_put(
            name="ears", definition='{"kind": "speech_to_text", "models": ["local/whisper-base", "a/b"]}'
        )
    offers = offers_for(alice.tenant, today=date(2026, 11, 1))
    spec = AgentSpec(
        model=Model(name="openai/gpt-realtime"),
        voice=Voice(model="c/d"),
        hearing=Hearing(model="router/ears"),
    )
    used = offers.used_by(spec)
    assert used == UsedModels(("openai/gpt-realtime",), ("local/whisper-base", "a/b"), ("c/d",), True)
    assert offers.used_by(AgentSpec()).language == ("local/dialogue",)
