"""Clients that speak G.711 or another PCM rate; the engine hears 24 kHz."""

import base64

import numpy as np
import pybase64
import pytest

from antiphon.audio import formats
from antiphon.audio.formats import Format
from antiphon.audio.pcm import to_int16
from antiphon.engine import effects as fx
from antiphon.engine import inputs
from tests.engine.machine_harness import Machine

TONE = (np.sin(np.arange(24_000) * 0.1) * 8_000).astype("<i2").tobytes()


def append(m: Machine, audio: bytes, size: int) -> None:
    for at in range(0, len(audio), size):
        m.client("input_audio_buffer.append", audio=pybase64.b64encode_as_string(audio[at : at + size]))


@pytest.mark.parametrize(
    ("wire", "format"),
    [
        ({"type": "audio/pcmu"}, Format("pcmu", 8_000)),
        ({"type": "audio/pcma"}, Format("pcma", 8_000)),
        ("g711_ulaw", Format("pcmu", 8_000)),
        ("audio/pcma", Format("pcma", 8_000)),
        ({"type": "audio/pcm", "rate": 16_000}, Format(rate=16_000)),
        ({"type": "audio/pcm", "rate": 48_000}, Format(rate=48_000)),
    ],
)
def test_a_turn_in_another_format_is_heard_whole(wire: object, format: Format) -> None:
    m = Machine()
    m.update(audio={"input": {"format": wire, "turn_detection": None}})
    append(m, formats.encode(TONE, format), 161)
    m.client("input_audio_buffer.commit")
    heard = to_int16(m.committed).astype(float)
    assert abs(len(heard) - 24_000) <= 24
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(8_000 / np.sqrt(2), rel=0.05)
    [retrieved] = m.client("conversation.item.retrieve", item_id=m.last(fx.Transcribe).item_id)
    audio = base64.b64decode(retrieved["item"]["content"][0]["audio"])
    assert abs(len(audio) - format.rate * format.bytes_per_sample) <= 48


def test_a_format_without_a_rate_is_24_khz() -> None:
    [updated] = Machine().update(audio={"input": {"format": {"type": "audio/pcm"}}})
    assert updated["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}


@pytest.mark.parametrize("rate", [7_999, 48_001, "fast"])
def test_a_rate_that_is_not_possible_is_refused(rate: object) -> None:
    m = Machine()
    [error] = m.update(audio={"input": {"format": {"type": "audio/pcm", "rate": rate}}})
    assert error["error"]["param"] == "session.audio.input.format.rate"


def test_the_answer_is_asked_for_in_the_output_format() -> None:
    m = Machine()
    m.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    m.say("hello")
    m.client("response.create")
    assert m.last(fx.Generate).format == Format("pcmu", 8_000)
    [created] = m.of("response.created")
    assert created["response"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    m.give(inputs.SpeechText(m.response_id, "Hello."))
    m.give(inputs.SpeechAudio(m.response_id, b"\xff" * 800, 2_400))
    m.now += 50
    m.client("response.cancel")
    item_id = m.of("response.output_item.added")[0]["item"]["id"]
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 50 * 8


def test_a_line_is_always_given_24_khz() -> None:
    m = Machine(paced=True)
    m.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    m.say("hello")
    m.client("response.create")
    assert m.last(fx.Generate).format.is_native


def test_the_100_ms_of_a_commit_are_counted_in_time_not_in_bytes() -> None:
    m = Machine()
    m.update(audio={"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}})
    append(m, b"\xff" * 799, 799)
    [error] = m.client("input_audio_buffer.commit")
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"
    append(m, b"\xff" * 160, 160)
    assert m.client("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
