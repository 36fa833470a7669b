"""The types of events that endpoints are told of, each with what it carries: for the picker, for tests that people
send, and for the documentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SESSION: Mapping[str, Any] = {
    "session_id": "sess_D2uVYbJqk1nXoe8w",
    "kind": "realtime",
    "model": "agent/front-desk",
    "agent": "front-desk",
    "agent_version": 3,
    "call_id": "",
    "safety_identifier": "user-4711",
    "started_at": "2026-11-23T09:00:00.000Z",
    "url": "https://voice.example.com/api/v1/sessions/sess_D2uVYbJqk1nXoe8w",
}


@dataclass(frozen=True, slots=True)
class EventType:
    """`sample` is the data of one."""

    name: str
    label: str
    sample: Mapping[str, Any]


TYPES: Mapping[str, EventType] = {
    event_type.name: event_type
    for event_type in (
        EventType("session.started", "A session began", _SESSION),
        EventType(
            "session.ended",
            "A session ended",
            {
                **_SESSION,
                "ended_at": "2026-11-23T09:04:12.480Z",
                "end_reason": "client_closed",
                "duration_ms": 252_480,
                "turns": 14,
                "responses": 15,
                "interruptions": 2,
                "errors": 0,
                "user_audio_ms": 88_200,
                "assistant_audio_ms": 121_740,
                "cost_micro": 31_450,
            },
        ),
        EventType(
            "tool.failed",
            "A tool failed",
            {
                **_SESSION,
                "tool": "get_weather",
                "server_label": None,
                "item_id": "item_D2uVZx1Yb9",
                "error_type": "http_error",
                "error_code": 503,
            },
        ),
        EventType(
            "transcript.ready",
            "A transcript is ready",
            {
                **_SESSION,
                "transcript_url": "https://voice.example.com/api/v1/sessions/sess_D2uVYbJqk1nXoe8w/transcript",
                "words": 412,
            },
        ),
        EventType(
            "summary.ready",
            "A summary is ready",
            {**_SESSION, "outcome": "resolved", "sentiment": "positive"},
        ),
        EventType(
            "recording.ready",
            "A recording is ready",
            {**_SESSION, "duration_ms": 252_480, "size_bytes": 1_204_113},
        ),
        EventType(
            "budget.warning",
            "A budget or the balance runs out",
            {
                "what": "The budget of the key “Website”",
                "budget_id": "5c0ab1c6-4b0c-4a53-9f0c-6f1ad3a7c0a1",
                "period": "2026-11",
                "percent": 80,
                "spent_micro": 80_120_000,
                "amount_micro": 100_000_000,
            },
        ),
        EventType(
            "report.ready",
            "A report is ready",
            {
                "report_id": "0b9a4d0e-5d2f-4a55-8d53-2f6b1f8c7e11",
                "name": "Monthly cost",
                "kind": "cost",
                "format": "pdf",
            },
        ),
    )
}
