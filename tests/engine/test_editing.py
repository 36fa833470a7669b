"""Items that a client creates, retrieves and deletes by hand."""

import base64

from antiphon.engine import editing, inputs
from antiphon.engine import effects as fx
from tests.engine.machine_harness import Machine, pcm, types
from tests.engine.test_refusals import refused


def order(m: Machine) -> list[str]:
    return [entry.item.id for entry in m.machine._state.conversation]


def spoken_answer(m: Machine) -> str:
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    m.model_says("How are you?", 600)
    m.model_ends()
    return m.of("conversation.item.done")[-1]["item"]["id"]


def test_an_item_comes_back_as_it_is() -> None:
    m = Machine()
    [item, _] = m.say("hello")
    [retrieved] = m.client("conversation.item.retrieve", item_id=item["item"]["id"])
    assert retrieved["type"] == "conversation.item.retrieved"
    assert retrieved["item"] == item["item"]


def test_a_spoken_turn_comes_back_with_its_audio_and_words() -> None:
    m = Machine()
    m.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    m.speak_turn()
    m.transcribe("good morning")
    item_id = m.of("input_audio_buffer.committed")[0]["item_id"]
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    [part] = retrieved["item"]["content"]
    assert part["transcript"] == "good morning"
    assert base64.b64decode(part["audio"]) == m.committed


def test_an_answer_comes_back_with_the_audio_that_was_sent() -> None:
    m = Machine()
    item_id = spoken_answer(m)
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    [part] = retrieved["item"]["content"]
    assert (part["type"], part["transcript"]) == ("output_audio", "Hello there. How are you?")
    sent = b"".join(base64.b64decode(e["delta"]) for e in m.of("response.output_audio.delta"))
    assert base64.b64decode(part["audio"]) == sent


def test_a_truncated_answer_comes_back_as_far_as_it_was_heard() -> None:
    m = Machine()
    item_id = spoken_answer(m)
    m.client("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400)
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    [part] = retrieved["item"]["content"]
    assert part["transcript"] == "Hello there. "
    assert len(base64.b64decode(part["audio"])) == 400 * 48


def test_what_follows_a_truncated_answer_is_heard_from_its_beginning() -> None:
    m = Machine()
    m.manual()
    first = spoken_answer(m)
    m.now += 100
    m.client("conversation.item.truncate", item_id=first, content_index=0, audio_end_ms=100)
    m.say("and now?")
    m.client("response.create")
    m.model_says("Now I can say more. ", 400)
    m.model_says("And more. ", 600)
    m.now += 400
    m.client("response.cancel")
    item_id = m.of("conversation.item.done")[-1]["item"]["id"]
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "Now I can say more. "


def test_an_answer_can_be_retrieved_while_it_is_spoken() -> None:
    m = Machine()
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    item_id = m.of("response.output_item.added")[0]["item"]["id"]
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["status"] == "in_progress"
    assert len(base64.b64decode(retrieved["item"]["content"][0]["audio"])) == 400 * 48


def test_audio_too_long_for_the_frames_of_clients_is_left_out() -> None:
    m = Machine()
    m.manual()
    m.append(pcm(24 * 20_000))
    m.client("input_audio_buffer.commit")
    item_id = m.of("input_audio_buffer.committed")[0]["item_id"]
    [retrieved] = m.client("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert editing.RETRIEVED_LIMIT < 24 * 20_000 * 2 * 4 / 3


def test_retrieving_what_is_not_there() -> None:
    error = refused(Machine(), "conversation.item.retrieve", item_id="item_x")
    assert error["code"] == "item_retrieve_invalid_item_id"
    assert error["message"] == "Error retrieving item: the item with id 'item_x' does not exist."
    assert error["param"] == "item_id"


def test_a_deleted_item_leaves_the_conversation_and_the_model_does_not_see_it() -> None:
    m = Machine()
    ids = [m.say(text)[0]["item"]["id"] for text in ("one", "two", "three")]
    [deleted] = m.client("conversation.item.delete", item_id=ids[1])
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", ids[1])
    assert order(m) == [ids[0], ids[2]]
    [added, _] = m.say("four")
    assert added["previous_item_id"] == ids[2]
    m.client("response.create")
    assert [message.text for message in m.last(fx.Generate).request.messages] == ["one", "three", "four"]


def test_the_first_and_the_last_item_can_be_deleted() -> None:
    m = Machine()
    ids = [m.say(text)[0]["item"]["id"] for text in ("one", "two", "three")]
    m.client("conversation.item.delete", item_id=ids[0])
    m.client("conversation.item.delete", item_id=ids[2])
    assert order(m) == [ids[1]]
    m.client("conversation.item.delete", item_id=ids[1])
    assert m.say("first again")[0]["previous_item_id"] is None


def test_the_id_of_a_deleted_item_can_be_used_again() -> None:
    m = Machine()
    item = {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    m.client("conversation.item.create", item=item)
    m.client("conversation.item.delete", item_id="mine")
    assert types(m.client("conversation.item.create", item=item))[0] == "conversation.item.added"


def test_the_id_of_an_item_that_is_still_being_recognised_can_not_be_used_again() -> None:
    m = Machine()
    m.update(audio={"input": {"transcription": {}}})
    item = {
        "type": "message",
        "id": "mine",
        "role": "user",
        "content": [{"type": "input_audio", "audio": base64.b64encode(pcm(4_800)).decode()}],
    }
    m.client("conversation.item.create", item=item)
    m.client("conversation.item.delete", item_id="mine")
    [refused] = m.client("conversation.item.create", item=item)
    assert refused["error"]["code"] == "item_create_duplicate_item_id"
    assert m.transcribe("too late") == []


def test_the_id_of_a_turn_that_is_still_being_spoken_can_not_be_used() -> None:
    m = Machine()
    m.hear(*[0.9] * 20)
    [started] = m.of("input_audio_buffer.speech_started")
    item = {"type": "message", "id": started["item_id"], "role": "user", "content": []}
    error = refused(m, "conversation.item.create", item=item)
    assert error["code"] == "item_create_duplicate_item_id"
    m.hear(*[0.0] * 7)
    assert m.of("input_audio_buffer.committed")[0]["item_id"] == started["item_id"]


def test_the_id_of_an_item_that_is_still_being_spoken_can_not_be_used_again() -> None:
    m = Machine()
    m.say("hi")
    m.client("response.create")
    m.model_says("Hello.")
    item_id = m.of("response.output_item.added")[0]["item"]["id"]
    m.client("conversation.item.delete", item_id=item_id)
    item = {
        "type": "message",
        "id": item_id,
        "role": "user",
        "content": [{"type": "input_text", "text": "mine"}],
    }
    [refused] = m.client("conversation.item.create", item=item)
    assert refused["error"]["code"] == "item_create_duplicate_item_id"
    assert "conversation.item.done" not in types(m.model_ends())


def test_an_item_that_is_being_spoken_can_be_deleted_and_the_response_ends_in_order() -> None:
    m = Machine()
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ")
    item_id = m.of("response.output_item.added")[0]["item"]["id"]
    m.client("conversation.item.delete", item_id=item_id)
    events = types(m.model_says("And more. ") + m.model_ends())
    assert events[-3:] == ["response.output_item.done", "response.done", "rate_limits.updated"]
    assert "conversation.item.done" not in events


def test_words_of_a_deleted_turn_are_shown_to_nobody_but_still_answered() -> None:
    m = Machine()
    m.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    m.speak_turn()
    item_id = m.of("input_audio_buffer.committed")[0]["item_id"]
    m.client("conversation.item.delete", item_id=item_id)
    assert types(m.transcribe("good morning")) == []
    assert [message.text for message in m.last(fx.Generate).request.messages] == ["good morning"]


def test_deleting_what_is_not_there() -> None:
    error = refused(Machine(), "conversation.item.delete", item_id="item_x")
    assert error["code"] == "item_delete_invalid_item_id"


def test_a_result_for_a_call_that_never_was() -> None:
    item = {"type": "function_call_output", "call_id": "call_x", "output": "{}"}
    error = refused(Machine(), "conversation.item.create", item=item)
    assert (error["code"], error["param"]) == ("invalid_tool_call_id", "item.call_id")


def test_a_result_for_a_call_that_was_deleted_is_taken() -> None:
    m = Machine()
    m.say("weather?")
    m.client("response.create")
    m.model_calls("call_1", "weather", "{}")
    m.model_ends("tool_calls")
    m.client("conversation.item.delete", item_id=m.of("response.output_item.done")[0]["item"]["id"])
    item = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    assert types(m.client("conversation.item.create", item=item))[0] == "conversation.item.added"


def test_an_id_that_is_too_long() -> None:
    item = {"id": "x" * 65, "type": "message", "role": "user", "content": []}
    error = refused(Machine(), "conversation.item.create", item=item)
    assert (error["code"], error["param"]) == ("string_above_max_length", "item.id")


def test_an_image_is_for_models_that_see() -> None:
    m = Machine()
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    item = {"type": "message", "role": "user", "content": [picture, {"type": "input_text", "text": "What?"}]}
    m.client("conversation.item.create", item=item)
    m.client("response.create")
    [message] = m.last(fx.Generate).request.messages
    assert "an image, which you cannot see" in message.text
    assert message.images == ()


def test_clearing_the_output_stops_what_is_heard_and_is_acknowledged() -> None:
    m = Machine()
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    m.now += 200
    [cleared] = m.client("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == ("output_audio_buffer.cleared", m.response_id)


def test_clearing_an_output_that_is_silent_is_no_error() -> None:
    assert m_clear(Machine()) == []


def test_on_a_line_clearing_the_output_truncates_to_what_was_played() -> None:
    m = Machine(paced=True)
    m.say("hello")
    m.client("response.create")
    m.model_says("Hello there. ", 400)
    m.give(inputs.Played(200 * 24))
    events = m.client("output_audio_buffer.clear")
    assert types(events) == ["output_audio_buffer.cleared", "conversation.item.truncated"]
    assert events[1]["audio_end_ms"] == 200


def m_clear(m: Machine) -> list[str]:
    return types(m.client("output_audio_buffer.clear"))
