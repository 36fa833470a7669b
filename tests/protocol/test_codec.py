"""Frames to events and back; every frame that is no event gets the error the live service would send."""

import base64
import json

import pytest

from antiphon.protocol import client_events as client
from antiphon.protocol.codec import BadEvent, decode_audio, decode_client_event, encode_server_event
from antiphon.protocol.errors import Refused
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.server_events import OutputAudioDelta


def test_it_decodes_an_append_with_the_clients_event_id() -> None:
    event = decode_client_event('{"type":"input_audio_buffer.append","audio":"AAAA","event_id":"e1"}')
    assert event == client.InputAudioAppend(audio=bytes(3), event_id="e1")


def test_unknown_fields_are_ignored_because_newer_clients_send_them() -> None:
    event = decode_client_event('{"type":"input_audio_buffer.commit","something_new":{"a":1}}')
    assert event == client.InputAudioCommit()


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"input_audio_buffer.append","audio":"%s","event_id":"e1"}',
        '{"event_id": "e1", "audio" : "%s", "type": "input_audio_buffer.append"}',
        '{"event_id": "e1", "type": "input_audio_buffer.append", "audio": "\\/\\/AA%s"}',
    ],
)
def test_long_audio_is_taken_whole_wherever_it_stands(frame: str) -> None:
    audio = "AAAA" * 50_000
    event = decode_client_event(frame % audio)
    expected = base64.b64decode(("//AA" if "\\" in frame else "") + audio)
    assert event == client.InputAudioAppend(audio=expected, event_id="e1")


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"input_audio_buffer.append","audio":"%s',
        '{"type":"input_audio_buffer.append","audio":"%s"',
        '{"type":"input_audio_buffer.append","audio":"%s","event_id":7}',
        '{"type":"no.such.event","audio":"%s"}',
    ],
)
def test_long_frames_that_are_wrong_are_refused_like_short_ones(frame: str) -> None:
    with pytest.raises(BadEvent) as long:
        decode_client_event(frame % ("AAAA" * 50_000))
    with pytest.raises(BadEvent) as short:
        decode_client_event(frame % "AAAA")
    assert long.value.refused.body.code == short.value.refused.body.code


def test_a_long_item_with_audio_is_an_item() -> None:
    part = {"type": "input_audio", "audio": "AAAA" * 50_000}
    item = {"type": "message", "role": "user", "content": [part]}
    event = decode_client_event(json.dumps({"type": "conversation.item.create", "item": item}))
    assert isinstance(event, client.ItemCreate)
    assert isinstance(event.item, Message)
    [given] = event.item.content
    assert isinstance(given, InputAudio)
    assert given.audio == part["audio"]


def test_audio_deltas_are_written_as_base64() -> None:
    delta = OutputAudioDelta(
        event_id="event_1",
        response_id="resp_1",
        output_index=0,
        item_id="item_1",
        content_index=0,
        delta=b"\x01\x02",
        samples=1,
    )
    assert json.loads(encode_server_event(delta)) == {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "output_index": 0,
        "item_id": "item_1",
        "content_index": 0,
        "delta": "AQI=",
    }


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("", "invalid_json", None),
        ('{"type":"session.update","session":' + '{"providerData":' * 20_000, "invalid_json", None),
        ('{"type":7,"nested":' + "[" * 20_000, "invalid_json", None),
        ('{"type":"input_audio_buffer.append","audio":"","nested":' + "[" * 200_000, "invalid_json", None),
        (
            '{"type":"session.update","session":{"tracing":' + '{"a":' * 99 + "1" + "}" * 101,
            "invalid_json",
            None,
        ),
        ('{"type":' + "[" * 900 + "]" * 900 + "}", "invalid_json", None),
        ("[1]", "invalid_event", None),
        ('"text"', "invalid_event", None),
        ('{"audio":"AAAA"}', "invalid_event", "type"),
        ('{"type":"no.such.event"}', "invalid_value", "type"),
        ('{"type":7}', "invalid_value", "type"),
        ('{"type":"input_audio_buffer.append"}', "missing_required_parameter", "audio"),
        ('{"type":"input_audio_buffer.append","audio":5}', "invalid_type", "audio"),
        ('{"type":"session.update"}', "missing_required_parameter", "session"),
        ('{"type":"session.update","session":{"instructions":[]}}', "invalid_type", "session.instructions"),
        (
            '{"type":"session.update","session":{"output_modalities":["video"]}}',
            "invalid_value",
            "session.output_modalities[0]",
        ),
        (
            '{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"threshold":2}}}}}',
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            '{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"create_response":null}}}}}',
            "invalid_type",
            "session.audio.input.turn_detection.create_response",
        ),
        (
            '{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/mp3"}}}}}',
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text"}]}}',
            "missing_required_parameter",
            "item.content[0].text",
        ),
        ('{"type":"conversation.item.create","item":{"type":"poem"}}', "invalid_value", "item.type"),
    ],
)
def test_a_frame_that_is_no_event_is_explained(frame: str, code: str, param: str | None) -> None:
    with pytest.raises(BadEvent) as caught:
        decode_client_event(frame)
    body = caught.value.refused.body
    assert (body.type, body.code, body.param) == ("invalid_request_error", code, param)
    assert body.message


def test_the_clients_event_id_comes_back_even_from_a_malformed_event() -> None:
    with pytest.raises(BadEvent) as caught:
        decode_client_event('{"type":"session.update","event_id":"mine","session":5}')
    assert caught.value.event_id == "mine"


@pytest.mark.parametrize("audio", ["!!!", "AAA", "AA=A", "é", "AAAA\n"])
def test_audio_that_is_not_base64_is_refused(audio: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_audio(audio)
    assert (caught.value.body.code, caught.value.body.param) == ("invalid_value", "audio")


def test_an_event_may_be_nested_as_deep_as_what_is_made_of_it_can_bear() -> None:
    frame = '{"type":"session.update","session":{"providerData":%s},"event_id":"e1"}'
    for depth in (98, 900, 975, 980, 985):  # beyond, Python's stack ends for whoever copies or writes it
        nested = '{"a":' * (depth - 1) + "[]" + "}" * (depth - 1)
        if depth == 98:
            assert isinstance(decode_client_event(frame % nested), client.SessionUpdate)
        else:
            with pytest.raises(BadEvent, match="nested too deeply"):
                decode_client_event(frame % nested)


def test_a_frame_of_many_objects_is_not_a_deep_one() -> None:
    many = "[" + ",".join(['{"a":{}}'] * 500) + "]"
    event = decode_client_event(f'{{"type":"session.update","session":{{"providerData":{{"many":{many}}}}}}}')
    assert isinstance(event, client.SessionUpdate)
