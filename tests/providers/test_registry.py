from dataclasses import replace

import pytest

from antiphon.engine.ports import UnknownModel
from antiphon.providers.base.llm import LlmCapabilities, TextDelta
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.openai_compatible.chat import Quirks
from antiphon.providers.openai_compatible.servers import VENDORS, Server
from antiphon.providers.registry import Defaults, ModelInfo, ModelRegistry
from antiphon.providers.scripted import Heard, ScriptedLlm, ScriptedStt, ScriptedTts, say
from tests.providers.contract_llm import HELLO, answer_of
from tests.providers.contract_stt import SECOND, turn
from tests.providers.contract_tts import speak

LLM = ScriptedLlm(say("Hi"), name="local/llm")
STT = ScriptedStt(Heard("Hi"), name="local/ears")
TTS = ScriptedTts(name="local/voice")
DEFAULTS = Defaults("local/llm", "local/ears", "local/voice")
SEES = LlmCapabilities(images=True)
GROQ = Server("groq", "https://groq.test/v1", key_setting="GROQ_API_KEY", models={"big": SEES})


@pytest.fixture
def make(wire):
    def make(*servers, defaults=DEFAULTS):
        return ModelRegistry(
            wire, defaults, language_models=[LLM], recognisers=[STT], voices=[TTS], servers=servers
        )

    return make


@pytest.fixture
def models(make, server):
    custom = Server(
        "custom",
        server.base_url,
        models={"small": SEES},
        speech_to_text=("ears",),
        text_to_speech={"mouth": ("heart", "bella")},
    )
    return make(custom, GROQ)


async def test_it_works(models, server):
    events = await answer_of(models.language_model("custom/org/small"), HELLO)
    assert isinstance(events[0], TextDelta)
    assert server.requests[0].body["model"] == "org/small"


def test_an_engine_of_this_process_is_found_by_its_name(models):
    assert models.language_model("local/llm") is LLM
    assert models.speech_to_text("local/ears") is STT
    assert models.text_to_speech("local/voice") is TTS


async def test_a_server_also_hears_and_speaks(models, server):
    assert (await turn(models.speech_to_text("custom/ears"), SECOND))[-1].text == "Good morning."
    await speak(models.text_to_speech("custom/mouth"), "Hello.", config=TtsConfig("alloy"))
    assert [request.body["model"] for request in server.requests] == ["ears", "mouth"]
    assert server.requests[1].body["voice"] == "heart"


def test_a_model_has_its_full_name_and_capabilities(models):
    model = models.language_model("custom/small")
    assert (model.name, model.capabilities) == ("custom/small", SEES)
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


@pytest.mark.parametrize("name", ["inworld/latency-optimizer", "inworld/models/gemma-4-26b-a4b-it"])
def test_inworlds_routers_and_models_are_the_default_model(models, name):
    assert models.language_model(name) is LLM


@pytest.mark.parametrize("name", ["gpt-4o-mini", "", "small", "realtime", "gpt-realtime/x", "gpt-unrealtime"])
def test_other_plain_names_are_unknown(models, name):
    with pytest.raises(UnknownModel, match=r"No model is called .*"):
        models.language_model(name)


def test_an_unknown_plain_name_is_told_how_models_are_named(models):
    with pytest.raises(UnknownModel, match="named provider/model, as 'local/llm' is"):
        models.language_model("gpt-4o-mini")


def test_an_unknown_provider_is_told_which_there_are(models):
    with pytest.raises(UnknownModel, match=r"The providers are custom, groq, local\."):
        models.language_model("acme/large")


def test_an_unknown_engine_is_told_which_there_are(models):
    with pytest.raises(UnknownModel, match=r"local has local/llm\."):
        models.language_model("local/large")


def test_a_known_provider_without_a_key_says_where_the_key_is_set(models):
    with pytest.raises(UnknownModel, match=r"groq has no API key\. Set GROQ_API_KEY\."):
        models.language_model("groq/big")


def test_a_provider_without_a_model_is_refused(models):
    with pytest.raises(UnknownModel, match="give one after the slash"):
        models.language_model("custom/")


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
        with pytest.raises(UnknownModel, match="The providers are local"):
            find(None)


def test_what_can_be_used_is_listed(models):
    assert models.list() == (
        ModelInfo("custom/ears", "custom", "speech_to_text"),
        ModelInfo("custom/mouth", "custom", "text_to_speech"),
        ModelInfo("custom/small", "custom", "language"),
        ModelInfo("local/ears", "local", "speech_to_text"),
        ModelInfo("local/llm", "local", "language"),
        ModelInfo("local/voice", "local", "text_to_speech"),
    )


def test_a_vendor_with_a_key_is_listed_and_found(make):
    models = make(replace(GROQ, api_key="gsk-secret"))
    assert ModelInfo("groq/big", "groq", "language") in models.list()
    assert models.language_model("groq/big").name == "groq/big"


async def test_quirks_of_a_server_reach_its_requests(make, server):
    models = make(Server("custom", server.base_url, quirks=Quirks(stream_options=False)))
    await answer_of(models.language_model("custom/m"), HELLO)
    assert "stream_options" not in server.requests[0].body


async def test_warming_up_opens_the_connections_that_a_session_uses_first(models, server):
    await models.warm_up("custom/small")
    await answer_of(models.language_model("custom/small"), HELLO)
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]
    assert len({request.peer for request in server.requests}) == 1


def test_a_key_does_not_show():
    assert "secret" not in repr(replace(GROQ, api_key="gsk-secret"))


def test_every_vendor_needs_a_key_and_has_its_own_slug():
    assert not any(vendor.usable for vendor in VENDORS)
    assert len({vendor.slug for vendor in VENDORS}) == len(VENDORS)


def test_a_server_without_a_base_url_is_refused():
    with pytest.raises(ValueError, match="is no base URL"):
        Server("custom", "groq.test")
