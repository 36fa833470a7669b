"""One sample of each event, and of each error, for the reference: one conversation, from its beginning on."""

from collections.abc import Callable, Mapping
from typing import Any

from antiphon.protocol import errors
from antiphon.protocol import server_events as ev
from antiphon.protocol.errors import Refused
from antiphon.protocol.items import (
    FunctionCall,
    InputAudio,
    McpListTools,
    Message,
    OutputAudio,
    RemoteTool,
)
from antiphon.protocol.responses import (
    InputTokens,
    OutputSettings,
    OutputTokens,
    Response,
    ResponseAudio,
    SpentLine,
    Usage,
)
from antiphon.protocol.session import Pcm, Session

CLIENT_EVENTS: tuple[Mapping[str, Any], ...] = (
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "audio": {
                "input": {
                    "transcription": {"model": "whisper-1"},
                    "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
                }
            },
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AAABAAIA"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "item_2",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "And times eight?"}],
        },
    },
    {"type": "conversation.item.retrieve", "item_id": "item_2"},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.truncate", "item_id": "item_2", "content_index": 0, "audio_end_ms": 900},
    {"type": "output_audio_buffer.clear"},
    {
        "type": "response.create",
        "event_id": "mine_7",
        "response": {
            "conversation": "none",
            "instructions": "Is the user angry? Answer yes or no.",
            "output_modalities": ["text"],
            "metadata": {"purpose": "mood"},
        },
    },
    {"type": "response.cancel", "response_id": "resp_1"},
)

_SESSION = Session(
    id="sess_1", call_id="rtc_1", model="gpt-realtime", expires_at=1_790_000_000, instructions="Be brief."
)
_QUESTION = Message(id="item_1", role="user", content=[InputAudio()])
_ANSWER = Message(
    id="item_2", role="assistant", content=[OutputAudio(transcript="Twelve times seven is eighty-four.")]
)
_BEGUN = Message(id="item_2", status="in_progress", role="assistant", content=[])
_CALL = FunctionCall(id="item_4", call_id="call_1", name="get_weather", arguments='{"city": "Paris"}')
_ASKED = Response(
    id="resp_1",
    status="in_progress",
    conversation_id="conv_1",
    output_modalities=["audio"],
    audio=ResponseAudio(output=OutputSettings(format=Pcm(), voice="alloy")),
)
_ANSWERED = Response(
    id="resp_1",
    status="completed",
    output=[_ANSWER],
    conversation_id="conv_1",
    output_modalities=["audio"],
    audio=ResponseAudio(output=OutputSettings(format=Pcm(), voice="alloy")),
    usage=Usage(
        total_tokens=95,
        input_tokens=41,
        output_tokens=54,
        input_token_details=InputTokens(text_tokens=41),
        output_token_details=OutputTokens(text_tokens=10, audio_tokens=44),
    ),
)
_TOOLS = McpListTools(
    id="item_5",
    server_label="docs",
    tools=[RemoteTool(name="search", input_schema={"type": "object"}, description="Search the docs")],
)
_ITEM: dict[str, Any] = {"response_id": "resp_1", "output_index": 0}
_PART: dict[str, Any] = {**_ITEM, "item_id": "item_2", "content_index": 0}
_FUNCTION: dict[str, Any] = {"response_id": "resp_2", "output_index": 0, "item_id": "item_4"}
_REMOTE: dict[str, Any] = {"response_id": "resp_3", "output_index": 0, "item_id": "item_6"}

SERVER_EVENTS: tuple[ev.ServerEvent, ...] = (
    ev.SessionCreated(session=_SESSION),
    ev.SessionUpdated(session=_SESSION),
    ev.Error(error=errors.nothing_to_cancel().body),
    ev.InputAudioSpeechStarted(audio_start_ms=320, item_id="item_1"),
    ev.InputAudioSpeechStopped(audio_end_ms=2_816, item_id="item_1"),
    ev.InputAudioCommitted(previous_item_id=None, item_id="item_1"),
    ev.InputAudioCleared(),
    ev.InputAudioTimeoutTriggered(audio_start_ms=9_000, audio_end_ms=15_000, item_id="item_3"),
    ev.ItemAdded(previous_item_id="item_1", item=_BEGUN),
    ev.ItemDone(previous_item_id=None, item=_QUESTION),
    ev.ItemRetrieved(
        item=Message(
            id="item_1",
            role="user",
            content=[InputAudio(transcript="What is twelve times seven?", audio="AAABAAIA")],
        )
    ),
    ev.ItemDeleted(item_id="item_1"),
    ev.ItemTruncated(item_id="item_2", content_index=0, audio_end_ms=900),
    ev.TranscriptionDelta(item_id="item_1", content_index=0, delta="What is twelve"),
    ev.TranscriptionCompleted(
        item_id="item_1",
        content_index=0,
        transcript="What is twelve times seven?",
        usage=ev.DurationUsage(seconds=2.496),
    ),
    ev.TranscriptionFailed(
        item_id="item_1",
        content_index=0,
        error=ev.TranscriptionError(
            type="server_error", code="provider_unreachable", message="The recogniser can't be reached."
        ),
    ),
    ev.ResponseCreated(response=_ASKED),
    ev.ResponseDone(response=_ANSWERED),
    ev.OutputItemAdded(item=_BEGUN, **_ITEM),
    ev.OutputItemDone(item=_ANSWER, **_ITEM),
    ev.ContentPartAdded(part=ev.AudioPart(), **_PART),
    ev.ContentPartDone(part=ev.AudioPart(transcript="Twelve times seven is eighty-four."), **_PART),
    ev.OutputTextDelta(delta="Twelve times ", **_PART),
    ev.OutputTextDone(text="Twelve times seven is eighty-four.", **_PART),
    ev.OutputTranscriptDelta(delta="Twelve times seven ", **_PART),
    ev.OutputTranscriptDone(transcript="Twelve times seven is eighty-four.", **_PART),
    ev.OutputAudioDelta(delta=bytes((0, 0, 1, 0, 2, 0)), samples=3, **_PART),
    ev.OutputAudioDone(**_PART),
    ev.FunctionCallArgumentsDelta(call_id="call_1", delta='{"city": ', **_FUNCTION),
    ev.FunctionCallArgumentsDone(
        call_id="call_1", name="get_weather", arguments=_CALL.arguments, **_FUNCTION
    ),
    ev.McpListToolsInProgress(item_id=_TOOLS.id),
    ev.McpListToolsCompleted(item_id=_TOOLS.id),
    ev.McpListToolsFailed(item_id=_TOOLS.id),
    ev.McpCallArgumentsDelta(delta='{"query": ', **_REMOTE),
    ev.McpCallArgumentsDone(arguments='{"query": "voices"}', **_REMOTE),
    ev.McpCallInProgress(item_id="item_6", output_index=0),
    ev.McpCallCompleted(item_id="item_6", output_index=0),
    ev.McpCallFailed(item_id="item_6", output_index=0),
    ev.OutputAudioBufferStarted(response_id="resp_1"),
    ev.OutputAudioBufferStopped(response_id="resp_1"),
    ev.OutputAudioBufferCleared(response_id="resp_1"),
    ev.RateLimitsUpdated(
        rate_limits=[ev.RateLimit(name="requests", limit=1_000, remaining=999, reset_seconds=1.0)]
    ),
    ev.AttemptEnded(
        response_id="resp_1",
        model="groq/openai/gpt-oss-120b",
        reason="hedge",
        outcome="completed",
        first_output_ms=212.5,
        duration_ms=840.0,
        input_tokens=410,
        cached_tokens=256,
        output_tokens=38,
    ),
    ev.UsageRecorded(
        response_id=None,
        item_id="item_1",
        lines=[
            SpentLine(
                record="sess_1:transcription:item_1:0",
                kind="transcription",
                model="openai/whisper-1",
                unit="input_audio_ms",
                quantity=2_400,
                price_micro=240,
                estimated=False,
            )
        ],
        price_micro=240,
    ),
    ev.LatencyDecided(
        response_id="resp_1",
        decision="hedged",
        reason="openai/gpt-5-mini said nothing for 400 ms.",
        after_ms=400.0,
        model="groq/openai/gpt-oss-120b",
    ),
)

BAD_FRAMES: Mapping[str, str] = {
    "A text frame that is not JSON.": "{",
    "A frame that is no object, has no `type`, or is binary.": "[]",
    "A field of another type.": '{"type": "conversation.item.delete", "item_id": 7}',
}

REFUSALS: tuple[tuple[Callable[..., Refused], tuple[Any, ...]], ...] = (
    (errors.invalid_value, ("Invalid value: 'session.start'. Supported values are: ...", "type")),
    (errors.missing_parameter, ("item",)),
    (errors.too_long, ("item.id", 64, 80)),
    (errors.buffer_too_small, (20.0,)),
    (errors.buffer_full, (900_000,)),
    (errors.too_many_events, (1000,)),
    (errors.response_active, ("resp_1",)),
    (errors.too_many_responses, (32,)),
    (errors.nothing_to_cancel, ()),
    (errors.duplicate_item, ("item_1",)),
    (errors.unknown_item, ("create", "item_9", "previous_item_id")),
    (errors.unknown_item, ("retrieve", "item_9")),
    (errors.unknown_item, ("delete", "item_9")),
    (errors.unknown_item, ("truncate", "item_9")),
    (errors.unknown_call, ("call_9",)),
    (errors.no_such_approval_request, ("item_9",)),
    (errors.not_in_transcription, ("responses",)),
    (errors.unknown_model, ("No model is called 'nobody/nothing'. ...",)),
    (
        errors.unsupported_by_model,
        ("openai/gpt-realtime-2", "speaks at its own speed only", "audio.output.speed"),
    ),
    (errors.voice_is_fixed, ()),
    (errors.session_expired, (3600,)),
    (
        errors.insufficient_quota,
        ("The balance of this workspace is used up: top it up at https://.../billing/, then connect again.",),
    ),
    (errors.server_error, ("The session could not be opened; the server's log says why. Try again.",)),
)
