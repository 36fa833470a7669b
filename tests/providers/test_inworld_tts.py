import pytest

from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.tts import TtsConfig
from antiphon.providers.inworld.tts import InworldTts
from tests.providers.contract_streaming_tts import SharedLineContract, begin, collect_into, said_in
from tests.providers.contract_tts import PIECES, speak
from tests.providers.vendors.inworld_tts import InworldVoices


class TestInworld(SharedLineContract):
    cancel = {"cancel_context": {}}
    context_field = "contextId"

    @pytest.fixture
    async def vendor(self):
        async with InworldVoices() as vendor:
            yield vendor

    @pytest.fixture
    def adapter(self):
        return InworldTts

    def voice_asked_of(self, vendor, response):
        return [m["create"]["voiceId"] for m in vendor.connections[0].received if "create" in m][response]

    async def test_a_response_is_a_context_whose_pieces_are_flushed(self, make, vendor):
        await speak(make("inworld-tts-2"), "Hello. ", "Bye.", config=TtsConfig("Ashley", language="de"))
        messages = vendor.connections[0].received
        context = {"contextId": messages[0]["contextId"]}
        assert messages == [
            {
                "create": {
                    "voiceId": "Ashley",
                    "modelId": "inworld-tts-2",
                    "audioConfig": {"audioEncoding": "LINEAR16", "sampleRateHertz": 24000},
                    "timestampType": "WORD",
                    "timestampTransportStrategy": "ASYNC",
                    "language": "de",
                },
                **context,
            },
            {"send_text": {"text": "Hello. "}, **context},
            {"flush_context": {}, **context},
            {"send_text": {"text": "Bye."}, **context},
            {"flush_context": {}, **context},
            {"close_context": {}, **context},
        ]

    @pytest.mark.parametrize(("asked", "told"), [(0.25, 0.5), (1.1, 1.1), (1.5, 1.5)])
    async def test_speed_is_kept_within_what_there_is(self, make, vendor, asked, told):
        await speak(make(), "Hello.", config=TtsConfig("Ashley", speed=asked))
        assert vendor.connections[0].received[0]["create"]["audioConfig"]["speakingRate"] == told

    async def test_a_wav_header_on_each_chunk_is_not_heard(self, make, vendor):
        vendor.wav = True
        assert said_in(await speak(make(), *PIECES)) == "".join(PIECES)

    async def test_a_long_piece_is_sent_in_parts(self, make, vendor):
        text = "No comma comes " * 80
        assert said_in(await speak(make(), text)) == text.rstrip()
        sent = [m["send_text"]["text"] for m in vendor.connections[0].received if "send_text" in m]
        assert [len(part) for part in sent] == [1000, 200]

    @pytest.mark.parametrize(
        ("code", "kind"),
        [(3, "invalid"), (8, "rate_limit"), (13, "upstream"), (14, "overloaded"), (16, "auth")],
    )
    async def test_errors_carry_a_status(self, make, vendor, code, kind):
        stream, events = await begin(make())
        context = vendor.connections[0].received[0]["contextId"]
        status = {"code": code, "message": "No"}
        await vendor.connections[0].send({"result": {"contextId": context, "status": status}})
        with pytest.raises(ProviderError) as failure:
            await collect_into([], events)
        assert failure.value.kind == kind
        await stream.aclose()

    async def test_that_a_context_is_gone_already_harms_nobody(self, make, vendor):
        stream, events = await begin(make())
        await vendor.connections[0].send({"result": {"status": {"code": 5, "message": "Context not found"}}})
        stream.end()
        await collect_into([], events)
        await stream.aclose()
        assert stream.usage.characters == len(PIECES[0])
