"""Every client event of the protocol, with all of its fields: as it should be, at the edge of it, and broken."""

from typing import Any

from hypothesis import strategies as st

from tests.random_client.values import Ref, Sound, awkward, broken

UNREACHABLE = "http://127.0.0.1:9/mcp"  # the discard port, where nobody listens
MARK = "marked by update "
_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

_number = st.integers(0, 6)
_some_id = st.one_of(
    st.builds(Ref, st.just("item"), _number),
    st.sampled_from(["mine_1", "mine_2", "mine_3", "no_such_item", "i" * 32, "i" * 64, "i" * 65]),
)
_words = st.sampled_from(
    [
        "hi",
        "Tell me a story.",
        "What is two plus two?",
        "",
        "Grüße aus Köln 😀",
        "word " * 500,
        "\u0000\u0007",
    ]
)
_yes_no = st.booleans()


def _some(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=_strategies(fields))


def _all(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """All of the fields."""
    return st.fixed_dictionaries(_strategies(fields))


def _strategies(fields: dict[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in fields.items()
    }


def _joined(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


# Items

_sound = st.builds(Sound, st.sampled_from([0, 1, 20, 99, 100, 700]), _yes_no, st.sampled_from([0, 0, 1]))
_content_of_user = st.one_of(
    _all(type="input_text", text=_words),
    _all(type="input_audio", audio=_sound),
    _all(type="input_image", image_url=st.sampled_from([_PIXEL, "https://example.com/i.png", "data:,"])),
    _all(type="text", text=_words),
)
_content_of_others = st.one_of(
    _all(type="input_text", text=_words),
    _all(type="output_text", text=_words),
    _all(type="text", text=_words),
    _all(type="output_audio", transcript=_words),
)
_schema = st.sampled_from(
    [{}, {"type": "object", "properties": {"city": {"type": "string"}}}, {"type": "object", "n": 10**30}]
)
_call_id = st.one_of(st.builds(Ref, st.just("call"), _number), st.sampled_from(["call_1", "call_2", ""]))
items = _joined(
    _some(
        id=_some_id,
        object="realtime.item",
        status=st.sampled_from(["completed", "incomplete", "in_progress"]),
    ),
    st.one_of(
        _all(type="message", role="user", content=st.lists(_content_of_user, max_size=3)),
        _all(
            type="message",
            role=st.sampled_from(["system", "assistant"]),
            content=st.lists(_content_of_others, max_size=2),
        ),
        _all(
            type="function_call", call_id=_call_id, name="weather", arguments=st.sampled_from(["{}", "", "["])
        ),
        _all(type="function_call_output", call_id=_call_id, output=_words),
        _all(
            type="mcp_approval_response",
            approval_request_id=st.builds(Ref, st.just("approval"), _number),
            approve=_yes_no,
        ),
        _all(type="mcp_call", server_label="s", name="look_up", arguments="{}"),
        _all(type="mcp_list_tools", server_label="s", tools=[]),
        _all(type="mcp_approval_request", server_label="s", name="look_up", arguments="{}"),
    ),
)

# What sessions and responses have in common

_function = _joined(
    _all(type="function", name=st.sampled_from(["weather", "look_up", "n" * 128])),
    _some(description=_words, parameters=_schema),
)
_filter = _some(tool_names=["look_up"], read_only=_yes_no)
_mcp = _joined(
    _all(
        type="mcp",
        server_label=st.sampled_from(["s", "t", "l" * 128]),
        server_url=st.sampled_from([UNREACHABLE, UNREACHABLE + "/2", "http://tools.invalid/mcp"]),
    ),
    _some(
        headers=st.sampled_from([{}, {"X-Key": "secret"}]),
        authorization=st.sampled_from(["token", "Bearer token"]),
        allowed_tools=st.one_of(st.just(["look_up"]), _filter),
        require_approval=st.one_of(
            st.sampled_from(["always", "never", "never"]), _some(always=_filter, never=_filter)
        ),
        server_description=_words,
        defer_loading=_yes_no,
    ),
)
_asked_of_models: dict[str, Any] = {
    "instructions": _words,
    "output_modalities": st.sampled_from([["audio"], ["text"], ["text", "audio"]]),
    "tools": st.lists(st.one_of(_function, _function, _mcp, _all(type="web_search")), max_size=3),
    "tool_choice": st.one_of(
        st.sampled_from(["auto", "none", "required"]),
        _all(type="function", name=st.sampled_from(["weather", "no_such"])),
        _joined(_all(type="mcp", server_label=st.sampled_from(["s", "no_such"])), _some(name="look_up")),
    ),
    "max_output_tokens": st.sampled_from(["inf", 1, 20, 4096, 2**40]),
    "parallel_tool_calls": _yes_no,
    "reasoning": _all(effort=st.sampled_from(["minimal", "low", "medium", "high", "xhigh"])),
}
_format = st.one_of(
    _all(type="audio/pcm", rate=st.sampled_from([24_000, 24_000, 8_000, 16_000, 44_100, 48_000])),
    _all(type=st.sampled_from(["audio/pcmu", "audio/pcma"])),
    st.sampled_from(["pcm16", "g711_ulaw", "g711_alaw", "audio/pcm"]),
)
_voice = st.one_of(st.sampled_from(["alloy", "marin", "local/piper-joe", ""]), _all(id="voice_1"))

# Session updates

_turn_detection = st.one_of(
    st.none(),
    _joined(
        _all(type="server_vad"),
        _some(
            threshold=st.sampled_from([0, 0.3, 0.5, 1]),
            prefix_padding_ms=st.sampled_from([0, 300, 60_000]),
            silence_duration_ms=st.sampled_from([0, 1, 200, 500, 60_000]),
            idle_timeout_ms=st.sampled_from([None, 5_000, 30_000]),
            create_response=_yes_no,
            interrupt_response=_yes_no,
        ),
    ),
    _joined(
        _all(type="semantic_vad"),
        _some(
            eagerness=st.sampled_from(["low", "medium", "high", "auto"]),
            create_response=_yes_no,
            interrupt_response=_yes_no,
        ),
    ),
    _some(silence_duration_ms=300, threshold=0.6),
)
_transcription = st.one_of(
    st.none(),
    _some(
        model=st.sampled_from(["whisper-1", "no-such-recogniser", ""]),
        language=st.sampled_from(["en", "de", None, "xx-unknown"]),
        languages=["en", "de"],
        prompt=_words,
        keywords=["Antiphon"],
        delay=st.sampled_from(["minimal", "high"]),
    ),
)
_input = _some(
    format=_format,
    turn_detection=_turn_detection,
    transcription=_transcription,
    noise_reduction=st.one_of(st.none(), _all(type="far_field"), _all(strength=0.5)),
)
_output = _some(
    format=_format,
    voice=_voice,
    speed=st.sampled_from([0.25, 1, 1.5]),
    model=st.sampled_from(["no-such-voice-model", "inworld-tts-1.5-max"]),
)
_session = _joined(
    _some(
        **_asked_of_models,
        model=st.sampled_from(["gpt-realtime", "no/such"]),
        modelId=st.sampled_from(["no/such", "local/dialogue", "gpt-realtime"]),
        audio=_some(input=_input, output=_output),
        truncation=st.one_of(
            st.sampled_from(["auto", "disabled"]),
            _joined(
                _all(type="retention_ratio", retention_ratio=st.sampled_from([0, 0.5, 1])),
                _some(token_limits=_some(post_instructions=st.sampled_from([0, 10, 2**40]))),
            ),
        ),
        tracing=st.one_of(st.none(), st.just("auto"), _all(workflow_name="w", group_id="g")),
        include=st.sampled_from([None, [], ["item.input_audio_transcription.logprobs"]]),
    ),
    st.sampled_from([{}, {"type": "realtime"}, {"type": "realtime"}, {"type": "transcription"}]),
)

_flat_session = _some(
    modalities=st.sampled_from([["text"], ["audio", "text"]]),
    voice=_voice,
    speed=1.2,
    input_audio_format=st.sampled_from(["pcm16", "g711_ulaw"]),
    output_audio_format=st.sampled_from(["pcm16", "g711_alaw"]),
    input_audio_transcription=_transcription,
    turn_detection=_turn_detection,
    max_response_output_tokens=st.sampled_from(["inf", 1, 50]),
)
_provider_data = _some(
    stt=_some(prompt=_words, min_end_of_turn_silence=st.sampled_from([None, 0, 500])),
    tts=_some(segmenter_strategy=st.sampled_from(["auto", "full_turn"]), language="en"),
    backchannel=_some(enabled=_yes_no, max_per_turn=st.sampled_from([0, 3, 100_000])),
    responsiveness=_some(enabled=_yes_no, temperature=st.sampled_from([0, 2])),
    memory=_some(enabled=_yes_no, turn_interval=1),
    metadata=st.sampled_from([None, {"k": "v"}]),
    antiphon=_some(events=st.sampled_from([[], ["cost"], ["no.such"]])),
    unknown=st.sampled_from([None, {}, {"a": {"b": 1}}]),
)

# An update is applied whole or not at all: these four say of each session which update it comes from.
_MARKED = frozenset({"instructions", "prompt", "providerData", "event_id"})


def _marked(session: dict[str, Any]) -> dict[str, Any]:
    mark = Ref("mark")
    return {
        "type": "session.update",
        "event_id": mark,
        "session": {
            **session,
            "instructions": mark,
            "prompt": {"id": mark},
            "providerData": {**session.get("providerData", {}), "mark": mark},
        },
    }


session_updates = _joined(
    _session, _some(providerData=_provider_data), st.one_of(st.just({}), st.just({}), _flat_session)
).map(_marked)
_beta_updates = _flat_session.map(
    lambda session: {"type": "transcription_session.update", "session": session}
)

# Responses

_metadata = st.sampled_from(
    [None, {}, {"topic": "weather"}, {"k" * 64: "v" * 512}, {"k" * 65: ""}, {str(n): "" for n in range(17)}]
)
_response = _some(
    **_asked_of_models,
    modalities=st.sampled_from([["text"], ["audio", "text"]]),
    voice=_voice,
    conversation=st.sampled_from(["auto", "none", "none"]),
    input=st.lists(st.one_of(items, _all(type="item_reference", id=_some_id)), max_size=3),
    audio=_all(output=_some(format=_format, voice=_voice)),
    prompt=st.sampled_from([None, {"id": "p"}]),
    metadata=_metadata,
)


def _event(kind: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    own_id = _some(event_id=st.sampled_from([None, "mine", "e" * 512, ""]))
    return _joined(_all(type=kind, **fields), own_id)


_appends = _event(
    "input_audio_buffer.append",
    audio=st.builds(
        Sound,
        st.sampled_from([0, 0.1, 1, 19.9, 20, 333, 2_000, 40_000]),
        _yes_no,
        st.sampled_from([0, 0, 1, 3]),
    ),
)
_items_created = _joined(
    _event("conversation.item.create", item=items),
    _some(previous_item_id=st.one_of(_some_id, st.sampled_from([None, "root"]))),
)
_truncations = _event(
    "conversation.item.truncate",
    item_id=_some_id,
    content_index=st.sampled_from([0, 0, 0, 1, -1, 2**40]),
    audio_end_ms=st.sampled_from([0, 1, 250, 1_000, 10**7, -1, 2**62]),
)
_cancellations = _joined(
    _event("response.cancel"),
    _some(response_id=st.one_of(st.none(), st.builds(Ref, st.just("response"), _number))),
)

by_kind: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "session.update": session_updates,
    "input_audio_buffer.append": _appends,
    "input_audio_buffer.commit": _event("input_audio_buffer.commit"),
    "input_audio_buffer.clear": _event("input_audio_buffer.clear"),
    "conversation.item.create": _items_created,
    "conversation.item.retrieve": _event("conversation.item.retrieve", item_id=_some_id),
    "conversation.item.delete": _event("conversation.item.delete", item_id=_some_id),
    "conversation.item.truncate": _truncations,
    "output_audio_buffer.clear": _event("output_audio_buffer.clear"),
    "response.create": _joined(_event("response.create"), _some(response=st.one_of(st.none(), _response))),
    "response.cancel": _cancellations,
}
valid = st.one_of(
    *by_kind.values(), _beta_updates, session_updates, session_updates, by_kind["response.create"]
)

NO_EVENTS = [
    "",
    "{",
    "null",
    "[]",
    '"text"',
    "0",
    "{}",
    '{"type":null}',
    '{"type":"no.such.event"}',
    '{"type":"session.close"}',
    '{"type":["session.update"]}',
    '{"type":"response.create","type":"response.cancel"}',
    '{"type":"response.create"}{"type":"response.create"}',
    '{"type":"input_audio_buffer.append","audio":"!!!!"}',
    '{"type":"input_audio_buffer.append","audio":"AAA"}',
    '{"type":"input_audio_buffer.append","audio":"' + "A" * 100_001 + '"}',
    '{"type":"input_audio_buffer.append","audio":"\\u0041AAA"}',
    '{"type":"session.update","session":' + '{"providerData":' + '{"a":' * 900 + "1" + "}" * 902,
    '{"type":"session.update","session":{"providerData":{"n":' + "9" * 5000 + "}}}",
    "\ufeff{}",
    "[" * 50_000,
]

Frame = dict[str, Any] | str | bytes
"""JSON with holes, text as it is, or a binary frame."""

frames: st.SearchStrategy[Frame] = st.one_of(
    valid,
    valid,
    valid,
    valid,
    broken(valid, _MARKED),
    broken(valid, _MARKED),
    st.sampled_from(NO_EVENTS),
    _all(type=st.sampled_from(sorted(by_kind)), added=awkward),
    st.just(b"\x00\x01binary"),
)

reuses: st.SearchStrategy[list[Frame]] = st.builds(
    lambda item_id, before, after: [
        {"type": "conversation.item.create", "item": {**before, "id": item_id}},
        {"type": "conversation.item.delete", "item_id": item_id},
        {"type": "conversation.item.create", "item": {**after, "id": item_id}},
    ],
    _some_id,
    items,
    items,
)
"""An id given to one item, or already had by it, and then to another."""
