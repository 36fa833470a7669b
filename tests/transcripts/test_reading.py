"""Transcripts, latencies and costs from the events of a session's log."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.conversations.costs import costs_of
from apps.conversations.latencies import spreads_of, turns_of
from apps.conversations.models import SessionEvent
from apps.transcripts.entries import Entry
from apps.transcripts.reading import transcript_of as read
from apps.usage.models import UsageLine

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def event(type: str, ms: int = 0, **body: Any) -> SessionEvent:
    item, response = body.get("item", {}), body.get("response", {})
    return SessionEvent(
        type=type,
        at=BEGAN + timedelta(milliseconds=ms),
        item_id=body.get("item_id") or item.get("id"),
        response_id=body.get("response_id") or response.get("id"),
        body={"type": type, **body},
    )


def transcript_of(events: list[SessionEvent], timeline: Any = None) -> list[Entry]:
    return read(events, began=BEGAN, timeline=timeline)


def message(id: str, role: str, text: str | None, status: str = "completed") -> dict[str, Any]:
    return {"id": id, "type": "message", "role": role, "status": status, "content": [{"transcript": text}]}


def spoken(id: str, sent: str, heard: str, *, response_id: str = "resp_1") -> list[SessionEvent]:
    status = "completed" if sent == heard else "incomplete"
    return [
        event("response.output_item.added", item=message(id, "assistant", None), response_id=response_id),
        event("response.output_audio_transcript.delta", item_id=id, delta=sent, response_id=response_id),
        event(
            "response.output_item.done", item=message(id, "assistant", heard, status), response_id=response_id
        ),
    ]


def in_conversation(id: str = "resp_1") -> SessionEvent:
    return event("response.created", response={"id": id, "conversation_id": "conv_1"})


def only(entries: Any) -> Entry:
    (entry,) = entries
    return entry  # type: ignore[no-any-return]


class TestTranscripts:
    def test_a_turn_has_both_sides(self) -> None:
        entries = transcript_of(
            [
                event("input_audio_buffer.speech_started", 100, item_id="item_u"),
                event("conversation.item.added", 900, item=message("item_u", "user", None)),
                in_conversation(),
                event("turn.transcribed", item_id="item_u", text="Helo"),
                event(
                    "conversation.item.input_audio_transcription.completed",
                    item_id="item_u",
                    transcript="Hello",
                ),
                *spoken("item_a", "Hi there.", "Hi there."),
            ]
        )
        assert [(entry.kind, entry.text) for entry in entries] == [
            ("user", "Hello"),
            ("assistant", "Hi there."),
        ]
        assert entries[0].start_ms == 100  # when it was said, not when it was over

    def test_words_count_although_the_client_wanted_no_transcript(self) -> None:
        entries = transcript_of([event("turn.transcribed", item_id="item_u", text="Hello")])
        assert only(entries).text == "Hello"

    def test_what_nobody_heard_is_apart(self) -> None:
        entry = only(transcript_of([in_conversation(), *spoken("item_a", "Hi there, you.", "Hi there,")]))
        assert (entry.text, entry.unheard, entry.is_cut) == ("Hi there,", "you.", True)

    def test_an_answer_outside_the_conversation_says_so(self) -> None:
        aside = event("response.created", response={"id": "resp_2", "conversation_id": None})
        entry = only(transcript_of([aside, *spoken("item_a", "Sad", "Sad", response_id="resp_2")]))
        assert entry.aside

    def test_tools_stand_where_they_were_called(self) -> None:
        call = {"id": "item_c", "type": "function_call", "name": "weather", "arguments": '{"in":"Rome"}'}
        result = {"id": "item_r", "type": "function_call_output", "output": "sunny"}
        entries = transcript_of(
            [
                event("response.output_item.added", item=call | {"arguments": ""}, response_id="resp_1"),
                event("response.output_item.done", item=call, response_id="resp_1"),
                event("conversation.item.added", item=result),
            ]
        )
        assert [(entry.kind, entry.name, entry.text) for entry in entries] == [
            ("call", "weather", '{"in":"Rome"}'),
            ("result", "", "sunny"),
        ]

    def test_problems_are_told_in_their_place(self) -> None:
        entry = only(transcript_of([event("error", error={"message": "No such voice."})]))
        assert (entry.kind, entry.text) == ("problem", "No such voice.")


class TestLatencies:
    def test_each_turn_has_its_stages(self) -> None:
        (turn,) = turns_of(
            [
                event("input_audio_buffer.speech_stopped", 1000, item_id="item_u"),
                in_conversation(),
                event("turn.transcribed", 1200, item_id="item_u", text="x"),
                event("model.started", 1300, response_id="resp_1"),
                event("response.output_audio.delta", 1450, response_id="resp_1", item_id="item_a"),
                event("response.output_audio.delta", 1950, response_id="resp_1", item_id="item_a"),
            ]
        )
        assert [(stage.name, stage.ms) for stage in turn.stages] == [
            ("transcript", 200),
            ("first token", 100),
            ("first audio", 150),
        ]
        assert turn.total == 450

    def test_an_answer_outside_the_conversation_is_no_turns(self) -> None:
        (turn,) = turns_of(
            [
                event("input_audio_buffer.speech_stopped", 0, item_id="item_u"),
                event("response.created", response={"id": "resp_2", "conversation_id": None}),
                event("response.output_audio.delta", 50, response_id="resp_2", item_id="item_a"),
            ]
        )
        assert turn.total is None

    def test_a_session_has_the_spread_of_each_stage(self) -> None:
        events = []
        for number, ms in enumerate((100, 300, 200), start=1):
            stopped = event("input_audio_buffer.speech_stopped", number * 1000, item_id=f"item_u{number}")
            heard = event("turn.transcribed", number * 1000 + ms, item_id=f"item_u{number}", text="x")
            events += [stopped, heard]
        (spread,) = spreads_of(turns_of(events))
        assert (spread.name, spread.p50, spread.p90) == ("transcript", 200, 280)

    def test_an_answer_that_the_user_cut_short_was_interrupted(self) -> None:
        details = {"type": "cancelled", "reason": "turn_detected"}
        (turn,) = turns_of(
            [
                event("input_audio_buffer.speech_stopped", item_id="item_u"),
                in_conversation(),
                event("response.done", 900, response={"id": "resp_1", "status_details": details}),
            ]
        )
        assert turn.interrupted


def test_costs_add_up_by_model_and_rate() -> None:
    used = {
        "kind": "response",
        "model": "groq/x",
        "unit": "output_text_token",
        "quantity": 10,
        "price_micro": 6,
    }
    rate = {"unit_price": Decimal("0.6"), "per": 1_000_000, "is_priced": True, "estimated": False}
    unpriced = {"unit_price": None, "per": None, "is_priced": False, "estimated": False, "price_micro": 0}
    parts = costs_of(
        [
            UsageLine(kind="speech", model="acme/y", unit="character", quantity=7, **unpriced),
            UsageLine(**used, **rate),
            UsageLine(**used, **rate | {"estimated": True}),
        ]
    )
    assert [(part.name, part.price_micro) for part in parts] == [
        ("Language model", 12),
        ("Text to speech", 0),
    ]
    assert (parts[0].lines[0].quantity, parts[0].lines[0].estimated) == (20, True)
    assert not parts[1].lines[0].is_priced
