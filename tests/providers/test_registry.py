import inspect
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from antiphon.engine.ports import UnknownModel
from antiphon.providers.adapters import ADAPTERS, adapter
from antiphon.providers.base.endpoint import KeyHeader
from antiphon.providers.base.llm import LlmCapabilities, TextDelta
from antiphon.providers.base.provider import KINDS, Provider, Service
from antiphon.providers.base.realtime import RealtimeCapabilities
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.openai_compatible.chat import Quirks
from antiphon.providers.registry import (
    Defaults,
    Engines,
    ModelFacts,
    ModelInfo,
    ModelRegistry,
    no_facts,
)
from antiphon.providers.scripted import Heard, ScriptedLlm, ScriptedStt, ScriptedTts, say
from antiphon.providers.vendors import OURS, SERVER_KINDS, VENDORS, server
from tests.providers.contract_llm import HELLO, answer_of
from tests.providers.contract_stt import SECOND, turn
from tests.providers.contract_tts import speak

PROJECT = Path(__file__).resolve().parents[2]
LLM = ScriptedLlm(say("Hi"), name="local/llm")
STT = ScriptedStt(Heard("Hi"), name="local/ears")
TTS = ScriptedTts(name="local/voice")
DEFAULTS = Defaults("local/llm", "local/ears", "local/voice")
SEES = LlmCapabilities(images=True)
FACTS = {
    "custom/small": ModelFacts(SEES),
    "custom/mouth": ModelFacts(voices=("heart", "bella")),
    "openai/gpt-realtime-9": ModelFacts(LlmCapabilities(context_tokens=32_000), voices=("marin",)),
}


def facts(name):
    return FACTS.get(name, ModelFacts())


@pytest.fixture
def make(wire):
    def make(*providers, defaults=DEFAULTS, facts=no_facts):
        return ModelRegistry(
            wire,
            defaults,
            engines=Engines([LLM], [STT], [TTS]),
            providers={provider.slug: provider for provider in providers},
            facts=facts,
        )

    return make


@pytest.fixture
def models(make, server_url):
    return make(server("custom", server_url), *VENDORS.values(), facts=facts)


@pytest.fixture
def server_url(server):
    return server.base_url


def with_key(slug, key="a-secret-key"):
    return replace(VENDORS[slug], api_key=key)


async def test_it_works(models, server):
    events = await answer_of(models.language_model("custom/org/small"), HELLO)
    assert isinstance(events[0], TextDelta)
    assert server.requests[0].body["model"] == "org/small"


def test_an_engine_of_this_process_is_found_by_its_name(models):
    assert models.language_model("local/llm") is LLM
    assert models.capabilities("local/llm") is LLM.capabilities
    assert models.speech_to_text("local/ears") is STT
    assert models.text_to_speech("local/voice") is TTS


def test_an_alias_is_the_model_that_it_stands_for(models):
    registry = models.with_alias("agent/desk@1", "local/llm")
    assert registry.language_model("agent/desk@1") is LLM
    assert registry.capabilities("agent/desk@1") == LLM.capabilities
    with pytest.raises(UnknownModel, match="when its session opens"):
        models.capabilities("agent/desk@1")


async def test_a_server_also_hears_and_speaks(models, server):
    assert (await turn(models.speech_to_text("custom/ears"), SECOND))[-1].text == "Good morning."
    await speak(models.text_to_speech("custom/mouth"), "Hello.", config=TtsConfig("alloy"))
    assert [request.body["model"] for request in server.requests] == ["ears", "mouth"]
    assert server.requests[1].body["voice"] == "heart"


def test_a_server_does_only_what_it_was_added_for(make, server_url):
    models = make(server("custom", server_url, kinds=("speech_to_text",)))
    assert models.speech_to_text("custom/ears").name == "custom/ears"
    assert models.text_to_speech("custom/mouth") is TTS
    with pytest.raises(UnknownModel, match="none of the language models of custom"):
        models.language_model("custom/small")


async def test_the_voices_of_the_row_come_before_those_of_the_catalogue(make, server):
    service = Service("text_to_speech", "openai", server.base_url, models={"mouth": ("nova",)})
    models = make(Provider("custom", "Custom", [service]), facts=facts)
    await speak(models.text_to_speech("custom/mouth"), "Hello.", config=TtsConfig("alloy"))
    assert server.requests[0].body["voice"] == "nova"


def test_a_model_has_its_full_name_and_capabilities(models):
    model = models.language_model("custom/small")
    assert (model.name, model.capabilities) == ("custom/small", SEES)
    assert models.capabilities("custom/small") == SEES
    assert models.language_model("custom/other").capabilities == LlmCapabilities()
    assert models.speech_to_text("custom/ears").name == "custom/ears"
    assert models.text_to_speech("custom/mouth").name == "custom/mouth"


@pytest.mark.parametrize(
    "name",
    [
        "gpt-realtime",
        "gpt-realtime-mini",
        "gpt-realtime-2.1",
        "gpt-realtime-2025-08-28",
        "gpt-4o-realtime-preview",
        "gpt-4o-realtime-preview-2025-06-03",
        "gpt-4o-mini-realtime-preview",
    ],
)
def test_openais_realtime_models_are_the_default_model(models, name):
    assert models.language_model(name) is LLM
    assert models.capabilities(name) is LLM.capabilities


INWORLDS = ["inworld/latency-optimizer", "inworld/models/gemma-4-26b-a4b-it"]


@pytest.mark.parametrize("name", INWORLDS)
def test_inworlds_routers_and_models_are_the_default_model(models, name):
    assert models.language_model(name) is LLM


@pytest.mark.parametrize("name", INWORLDS)
def test_with_a_key_of_inworlds_they_are_inworlds_own(make, name):
    assert make(with_key("inworld")).language_model(name).name == name


@pytest.mark.parametrize("name", ["gpt-4o-mini", "", "small", "realtime", "gpt-realtime/x", "gpt-unrealtime"])
def test_other_plain_names_are_unknown(models, name):
    for find in (models.language_model, models.capabilities, models.realtime_model):
        with pytest.raises(UnknownModel, match=r"No model is called .*"):
            find(name)


def test_an_unknown_plain_name_is_told_how_models_are_named(models):
    with pytest.raises(UnknownModel, match="named provider/model, as 'local/llm' is"):
        models.language_model("gpt-4o-mini")


def test_an_unknown_provider_is_told_which_can_be_used(models):
    with pytest.raises(UnknownModel, match=r"The providers that can be used are custom, local\."):
        models.language_model("acme/large")


def test_an_unknown_engine_is_told_which_there_are(models):
    with pytest.raises(UnknownModel, match=r"local has local/llm\."):
        models.language_model("local/large")


@pytest.mark.parametrize("find", ["language_model", "capabilities"])
def test_a_known_vendor_without_a_key_says_where_keys_are_set(models, find):
    with pytest.raises(UnknownModel) as unknown:
        getattr(models, find)("groq/big")
    assert str(unknown.value) == (
        "'groq/big' can't be used yet. Add a key for groq under Providers, or set GROQ_API_KEY."
    )


def test_a_vendor_whose_address_is_the_customers_says_so(make):
    azure = VENDORS["azure"]
    wanted = "Add a key for azure under Providers, or set AZURE_OPENAI_BASE_URL and AZURE_OPENAI_API_KEY."
    for row in (azure, replace(azure, api_key="a-key")):
        with pytest.raises(UnknownModel, match=wanted):
            make(row).language_model("azure/small")


def test_a_key_that_cannot_be_read_says_so_and_no_other_key_is_used(make):
    with pytest.raises(UnknownModel, match="can't be decrypted: enter it again under Providers"):
        make(replace(with_key("groq"), unreadable=True)).language_model("groq/big")


def test_a_provider_without_a_model_is_refused(models):
    with pytest.raises(UnknownModel, match="give one after the slash"):
        models.language_model("custom/")


def test_a_vendor_of_speech_has_no_language_model(make):
    with pytest.raises(UnknownModel, match="'deepgram/nova-3' is none of the language models of deepgram"):
        make(with_key("deepgram")).language_model("deepgram/nova-3")


def test_a_default_that_is_no_full_name_is_refused(make):
    models = make(defaults=replace(DEFAULTS, language_model="gpt-realtime"))
    with pytest.raises(UnknownModel):
        models.language_model("gpt-realtime")


@pytest.mark.parametrize(
    "name", [None, "whisper-1", "inworld/inworld-stt-1", "groq/whisper", "local/llm", "custom/"]
)
def test_an_unknown_recogniser_or_voice_is_the_default(models, name):
    assert models.speech_to_text(name) is STT
    assert models.text_to_speech(name) is TTS


def test_a_default_that_is_unknown_is_an_error(make):
    models = make(defaults=Defaults("groq/big", "groq/whisper", "groq/voice"))
    for find in (models.speech_to_text, models.text_to_speech):
        with pytest.raises(UnknownModel, match="The providers that can be used are local"):
            find(None)


@pytest.mark.parametrize("slug", ["anthropic", "google"])
def test_a_model_that_nobody_described_can_what_is_usual_at_its_vendor(make, slug):
    assert make(with_key(slug)).capabilities(f"{slug}/next-year") == SEES


class TestSpeechToSpeech:
    def test_what_a_model_can_says_that_it_speaks_itself(self, make):
        models = make(with_key("openai"))
        assert isinstance(models.capabilities("openai/gpt-realtime-2"), RealtimeCapabilities)
        assert not isinstance(models.capabilities("openai/gpt-5"), RealtimeCapabilities)

    def test_the_catalogue_knows_more_of_one(self, make):
        found = make(with_key("openai"), facts=facts).capabilities("openai/gpt-realtime-9")
        assert isinstance(found, RealtimeCapabilities)
        assert (found.context_tokens, found.voices, found.images) == (32_000, ("marin",), False)

    def test_one_of_this_process_is_found_by_its_name(self, wire):
        native = SimpleNamespace(name="local/native", capabilities=RealtimeCapabilities())
        models = ModelRegistry(wire, DEFAULTS, engines=Engines([LLM], realtime_models=[native]))
        assert models.realtime_model("local/native") is native
        assert models.capabilities("local/native") is native.capabilities
        assert ModelInfo("local/native", "local", "realtime") in models.list()
        with pytest.raises(UnknownModel):
            models.language_model("local/native")

    def test_it_is_no_language_model(self, make):
        with pytest.raises(UnknownModel, match="none of the language models of openai"):
            make(with_key("openai")).language_model("openai/gpt-realtime-2")

    def test_a_language_model_is_none(self, make):
        with pytest.raises(UnknownModel, match="none of the speech to speech models of openai"):
            make(with_key("openai")).realtime_model("openai/gpt-5")

    @pytest.mark.parametrize(
        ("slug", "speaks", "writes"),
        [
            ("openai", "gpt-realtime-2.1-mini", "gpt-5-mini"),
            ("xai", "grok-voice-latest", "grok-5"),
            ("google", "gemini-3.1-flash-live-preview", "gemini-3.1-flash"),
            ("google", "gemini-2.5-flash-native-audio-preview-09-2025", "gemini-2.5-flash"),
        ],
    )
    def test_names_tell_which_models_speak(self, slug, speaks, writes):
        vendor = VENDORS[slug]
        assert vendor.service("realtime", speaks)
        assert not vendor.service("language", speaks)
        assert vendor.service("language", writes)
        assert not vendor.service("realtime", writes)


def test_what_can_be_used_is_listed(make, server_url):
    custom = server("custom", server_url, kinds=("language",), models={"small": ()})
    assert make(custom, VENDORS["groq"]).list() == (
        ModelInfo("custom/small", "custom", "language"),
        ModelInfo("local/ears", "local", "speech_to_text"),
        ModelInfo("local/llm", "local", "language"),
        ModelInfo("local/voice", "local", "text_to_speech"),
    )


async def test_the_key_goes_in_the_header_that_the_service_wants(make, server):
    service = Service("language", "openai", server.base_url, KeyHeader("api-key", ""), {"x-version": "3"})
    row = Provider("custom", "Custom", [service], "a-secret-key", key_setting="CUSTOM_API_KEY")
    await answer_of(make(row).language_model("custom/m"), HELLO)
    headers = server.requests[0].headers
    assert (headers["api-key"], headers["x-version"]) == ("a-secret-key", "3")
    assert "Authorization" not in headers


async def test_an_address_of_the_customers_own_is_used(make, server):
    azure = with_key("azure").at(server.base_url, filtered=False)
    await answer_of(make(azure).language_model("azure/deployment"), HELLO)
    assert server.requests[0].headers["api-key"] == "a-secret-key"


async def test_quirks_of_a_service_reach_its_requests(make, server):
    service = Service("language", "openai", server.base_url, quirks={"quirks": Quirks(stream_options=False)})
    await answer_of(make(Provider("custom", "", [service])).language_model("custom/m"), HELLO)
    assert "stream_options" not in server.requests[0].body


async def test_warming_up_opens_the_connections_that_a_session_uses_first(models, server):
    await models.warm_up("custom/small")
    await answer_of(models.language_model("custom/small"), HELLO)
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
    assert len({request.peer for request in server.requests}) == 1


def test_a_key_does_not_show():
    row = with_key("groq")
    assert "a-secret-key" not in repr(row)
    assert "a-secret-key" not in repr(row.endpoint(row.services[0]))


class TestVendors:
    def test_each_needs_a_key_and_has_a_slug_of_its_own(self):
        assert all(vendor.obstacle is not None for vendor in VENDORS.values())
        assert all(vendor.obstacle is None for vendor in map(with_everything, VENDORS.values()))
        assert not OURS & set(VENDORS)
        assert len({vendor.key_setting for vendor in VENDORS.values()}) == len(VENDORS)

    def test_each_of_their_services_has_an_adapter(self):
        spoken = {(s.kind, s.dialect) for vendor in VENDORS.values() for s in vendor.services}
        spoken |= {(kind, dialect) for dialect, kinds in SERVER_KINDS.items() for kind in kinds}
        assert spoken == set(ADAPTERS)

    def test_the_table_for_people_has_each_of_them_and_nobody_else(self):
        text = (PROJECT / "docs" / "providers.md").read_text()
        rows = dict(re.findall(r"^\|[^|]+\| `(\w+)` \|(.*)$", text, re.M))
        assert set(rows) == set(VENDORS)
        for slug, vendor in VENDORS.items():
            cells = [cell.strip() for cell in rows[slug].split("|")]
            assert [cell == "yes" for cell in cells[:4]] == [
                any(service.kind == kind for service in vendor.services) for kind in KINDS
            ]
            assert cells[4] == ", ".join(dict.fromkeys(service.dialect for service in vendor.services))
            assert set(FEATURES) & set(filter(None, cells[5].split(", "))) == features_of(vendor)
            assert cells[6] == ("yes" if vendor.check else "no")

    def test_all_addresses_are_encrypted_ones(self):
        addresses = [s.base_url for v in VENDORS.values() for s in v.services if s.base_url]
        addresses += [v.check for v in VENDORS.values() if v.check and not v.check.startswith("/")]
        assert all(address.startswith("https://") for address in addresses)

    def test_a_check_goes_to_the_first_service_or_to_an_address_of_its_own(self):
        assert with_key("groq").check_endpoint.url("") == "https://api.groq.com/openai/v1/models"
        assert with_key("soniox").check_endpoint.url("") == "https://api.soniox.com/v1/models"
        assert with_key("deepgram").check_endpoint.headers == {"Authorization": "Token a-secret-key"}
        assert with_key("nvidia").check_endpoint is None

    @pytest.mark.parametrize("place", ADAPTERS, ids=" ".join)
    def test_adapters_are_made_alike(self, place):
        parameters = inspect.signature(adapter(*place)).parameters
        assert list(parameters)[:3] == ["wire", "endpoint", "model"]
        own = {"language": {"capabilities"}, "text_to_speech": {"voices"}, "realtime": {"capabilities"}}
        assert {"name"} | own.get(place[0], set()) <= set(parameters)

    def test_no_adapter_is_imported_before_it_is_asked_for(self):
        code = (
            "import sys, antiphon.providers.registry, antiphon.providers.vendors;"
            f"print([m for m in {[path.partition(':')[0] for path in ADAPTERS.values()]} if m in sys.modules])"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT / "platform", capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == "[]"


FEATURES = ("effort", "cache", "partials", "turns", "marks")


def features_of(vendor):
    """Those of FEATURES that its adapters and quirks have."""
    found = set()
    for service in vendor.services:
        if service.kind == "language":
            quirks = service.quirks.get("quirks", Quirks())
            own = service.dialect != "openai"
            if own or quirks.efforts or quirks.reasoning != "reasoning_effort":
                found.add("effort")
            if quirks.prompt_cache_key or service.dialect == "anthropic":
                found.add("cache")
        elif service.kind in ("speech_to_text", "text_to_speech"):
            model = adapter(service.kind, service.dialect)(None, None, "m", name=f"{vendor.slug}/m")
            can = model.capabilities
            names = {"streaming": "partials", "turn_signals": "turns", "word_marks": "marks"}
            found |= {name for field, name in names.items() if getattr(can, field, False)}
    return found


def with_everything(vendor):
    if vendor.address_setting:
        vendor = vendor.at("https://example.openai.azure.com/openai/v1", filtered=True)
    return replace(vendor, api_key="a-secret-key")


def test_a_server_without_a_base_url_is_refused():
    with pytest.raises(ValueError, match="is no base URL"):
        server("custom", "groq.test")
