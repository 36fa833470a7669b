"""The `error` bodies of the protocol, one function for each refusal that a client can meet.

Codes and messages are those that clients test for: pipecat and LiveKit look at codes and at the prefix
"Cancellation failed", the agents SDKs at the echoed `event_id`.
"""

from typing import Literal

from msgspec import Struct


class ErrorBody(Struct, frozen=True, kw_only=True):
    type: str
    """`invalid_request_error`, `insufficient_quota` where the money is used up, or `server_error` for a fault of
    ours."""
    code: str | None = None
    message: str
    """A sentence that says what to do."""
    param: str | None = None
    """The path of what is wrong."""
    event_id: str | None = None
    """The `event_id` of the client event that the error is about."""


class Refused(Exception):
    """A client event cannot be carried out; nothing of it was applied."""

    def __init__(self, body: ErrorBody) -> None:
        super().__init__(body.message)
        self.body = body


def invalid_request(code: str, message: str, param: str | None = None) -> Refused:
    return Refused(ErrorBody(type="invalid_request_error", code=code, message=message, param=param))


def invalid_value(message: str, param: str | None) -> Refused:
    """A value that is out of its range, or that does not exist."""
    return invalid_request("invalid_value", message, param)


def missing_parameter(param: str) -> Refused:
    """A field that an event needs is not there."""
    return invalid_request("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def too_long(param: str, limit: int, length: int) -> Refused:
    """A text is longer than its limit."""
    return invalid_request(
        "string_above_max_length",
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead.",
        param,
    )


def too_many_events(limit: int) -> Refused:
    """A client event, other than audio, beyond the limit of events."""
    return invalid_request(
        "rate_limit_exceeded",
        f"More than {limit} client events in a second: this one was not carried out. Send it again a little "
        "later, or ask for a higher limit.",
    )


def buffer_too_small(have_ms: float) -> Refused:
    """`input_audio_buffer.commit` with less than 100 ms in the buffer."""
    return invalid_request(
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {have_ms:.2f}ms of audio.",
    )


def buffer_full(limit_ms: int) -> Refused:
    """`input_audio_buffer.append` beyond 15 minutes of audio."""
    return invalid_request(
        "input_audio_buffer_full",
        f"The input audio buffer holds at most {limit_ms // 1000} s of audio. "
        "Commit or clear it before appending more.",
        "audio",
    )


def response_active(response_id: str) -> Refused:
    """`response.create` while a response of the conversation runs."""
    return invalid_request(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one.",
    )


def too_many_responses(limit: int) -> Refused:
    """`response.create` while 32 out-of-band responses run."""
    return invalid_request(
        "too_many_active_responses",
        f"At most {limit} out-of-band responses can be in progress at once. "
        "Wait until one is finished before creating another.",
    )


def nothing_to_cancel() -> Refused:
    """`response.cancel` without a response to cancel."""
    return invalid_request("response_cancel_not_active", "Cancellation failed: no active response found")


def duplicate_item(item_id: str) -> Refused:
    """`conversation.item.create` with the id of an item that is there."""
    return invalid_request(
        "item_create_duplicate_item_id",
        f"Error adding item: an item with id '{item_id}' already exists.",
        "item.id",
    )


def unknown_item(
    verb: Literal["create", "retrieve", "delete", "truncate"], item_id: str, param: str = "item_id"
) -> Refused:
    """An event names an item that is not in the conversation."""
    doing = {
        "create": "adding",
        "retrieve": "retrieving",
        "delete": "deleting",
        "truncate": "truncating",
    }[verb]
    return invalid_request(
        f"item_{verb}_invalid_item_id",
        f"Error {doing} item: the item with id '{item_id}' does not exist.",
        param,
    )


def unknown_call(call_id: str) -> Refused:
    """A function's result whose `call_id` no call of this session had."""
    return invalid_request(
        "invalid_tool_call_id",
        f"Tool call ID '{call_id}' not found in conversation.",
        "item.call_id",
    )


def no_such_approval_request(request_id: str) -> Refused:
    """An approval response to no request that waits for one."""
    return invalid_request(
        "invalid_approval_request_id",
        f"No approval request with id '{request_id}' waits for an answer.",
        "item.approval_request_id",
    )


def not_in_transcription(what: str) -> Refused:
    """What needs a realtime session."""
    return invalid_request(
        "invalid_request", f"A transcription session has no {what}; update its type to 'realtime' for them."
    )


def unknown_model(message: str) -> Refused:
    """`session.update` with a `modelId` that does not exist or cannot be used."""
    return invalid_request("invalid_model", message, "session.model")


def unsupported_by_model(model: str, limit: str, param: str) -> Refused:
    """A setting that the session's model, which hears and speaks itself, has not."""
    return invalid_request(
        "unsupported_by_model",
        f"'{model}' {limit}: leave '{param}' as it is, or choose another model.",
        param,
    )


def voice_is_fixed() -> Refused:
    """`session.update` with another voice after the assistant has spoken."""
    return invalid_request(
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
        "session.audio.output.voice",
    )


def session_expired(seconds: int) -> Refused:
    """The session has reached its maximum duration. The connection closes."""
    count, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    duration = f"{count} {unit}{'s' * (count != 1)}"
    return invalid_request("session_expired", f"Your session hit the maximum duration of {duration}.")


def insufficient_quota(message: str) -> Refused:
    """The workspace has nothing left to spend, or a budget is used up. The connection closes."""
    return Refused(ErrorBody(type="insufficient_quota", code="insufficient_quota", message=message))


def server_error(message: str) -> Refused:
    """A fault of ours; the operator's log has it."""
    return Refused(ErrorBody(type="server_error", message=message))
