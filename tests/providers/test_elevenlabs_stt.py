import pytest

from antiphon.providers.base.endpoint import Endpoint, KeyHeader
from antiphon.providers.base.errors import ProviderError
from antiphon.providers.base.stt import FinalTranscript, SttConfig
from antiphon.providers.elevenlabs.stt import ElevenLabsStt
from tests.providers.contract_streaming_stt import KEY, StreamingSttContract
from tests.providers.contract_stt import SECOND, turn
from tests.providers.vendors.elevenlabs_stt import MINUTE, SHORTEST_COMMIT, ElevenLabsConnection
from tests.providers.vendors.stt_server import SttServer


def elevenlabs(wire, vendor):
    endpoint = Endpoint(f"{vendor.base_url}/v1", KEY, KeyHeader("xi-api-key", ""))
    return ElevenLabsStt(wire, endpoint, "scribe_v2_realtime", name="elevenlabs/scribe_v2_realtime")


class TestContract(StreamingSttContract):
    connection = ElevenLabsConnection

    @pytest.fixture
    def stt(self, wire, vendor):
        return elevenlabs(wire, vendor)


@pytest.fixture
async def vendor():
    async with SttServer(ElevenLabsConnection) as vendor:
        yield vendor
    assert vendor.mistakes == []


@pytest.fixture
def stt(wire, vendor):
    return elevenlabs(wire, vendor)


async def test_it_is_told_the_key_the_model_and_the_bare_language(vendor, stt):
    await turn(stt, SECOND, config=SttConfig("en-US"))
    [connection] = vendor.connections
    assert connection.headers["xi-api-key"] == KEY
    assert connection.query["model_id"] == "scribe_v2_realtime"
    assert connection.query["language_code"] == "en"


async def test_without_a_language_it_decides_itself(vendor, stt):
    await turn(stt, SECOND, config=SttConfig())
    assert "language_code" not in vendor.connections[0].query


@pytest.mark.parametrize("ms", [1, 40, 250, 299, 300])
async def test_a_short_turn_is_padded_with_silence_to_what_may_be_committed(vendor, stt, ms):
    assert (await turn(stt, bytes(48 * ms)))[-1].audio_ms == ms
    [committed] = vendor.connections[0].commits
    assert committed == SHORTEST_COMMIT


async def test_a_longer_turn_is_committed_as_it_is(vendor, stt):
    await turn(stt, SECOND)
    assert vendor.connections[0].commits == [16 * 2 * 1000]


async def test_each_commit_comes_twice_and_counts_once(vendor, stt):
    async def script(connection):
        await connection.commit("Well.")  # which nobody asked for
        await connection.finished.wait()
        await connection.commit("Well.")

    vendor.script = script
    assert (await turn(stt, SECOND))[-1].text == "Well. Well."


async def test_a_very_long_turn_is_committed_every_minute_and_all_of_it_is_waited_for(vendor, stt):
    async def script(connection):
        await connection.finished.wait()
        for text in ("One.", "Two.", "Three."):
            await connection.commit(text)

    vendor.script = script
    events = await turn(stt, bytes(48 * 130_000))
    assert events == [FinalTranscript("One. Two. Three.", 130_000, "en")]
    assert vendor.connections[0].commits == [MINUTE, MINUTE, 16 * 2 * 10_000]


async def test_it_may_say_which_language_it_heard(vendor, stt):
    async def script(connection):
        await connection.finished.wait()
        heard = {"text": "God morgon.", "language_code": "sv"}
        await connection.send({"message_type": "committed_transcript", **heard})

    vendor.script = script
    assert (await turn(stt, SECOND, config=SttConfig()))[-1].language == "sv"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("auth_error", "auth"),
        ("quota_exceeded", "quota"),
        ("rate_limited", "rate_limit"),
        ("input_error", "invalid"),
        ("resource_exhausted", "overloaded"),
        ("error", "upstream"),
    ],
)
async def test_its_errors_are_ours(vendor, stt, said, kind):
    async def script(connection):
        await connection.fail(said, "No.")

    vendor.script = script
    with pytest.raises(ProviderError) as failure:
        await turn(stt, SECOND)
    assert failure.value.kind == kind
