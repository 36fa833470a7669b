"""What an agent strikes out is in neither transcript nor log, and is bleeped in the recording."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from antiphon.redaction import Patterns, Span
from apps.agents.spec import Privacy
from apps.conversations.models import RealtimeSession, SessionEvent
from apps.core.tenancy import tenant_context
from apps.privacy.models import Redaction
from apps.privacy.redacting import Bleep, bleeps_of, keep_bleeps, kinds_of, redact_entries, redact_session
from apps.privacy.redacting_log import redact_log
from apps.privacy.redactors import redactor
from tests.cast import Person
from tests.privacy.spoken import events, talk
from tests.privacy.test_retention import version_with

KINDS = ["email", "phone", "card"]


def said(kind: str, text: str, *, at: int = 1000, exact: bool = True, **fields: Any) -> dict[str, Any]:
    """Each word takes 100 ms."""
    words = [(at + 100 * index, at + 100 * index + 100, word) for index, word in enumerate(text.split())]
    return {"kind": kind, "text": text, "words": words, "exact": exact, "item_id": "i", **fields}


def struck(*entries: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Bleep]]:
    return redact_entries(entries, KINDS, Patterns())


class TestTranscripts:
    def test_a_word_becomes_its_mark_and_its_time_is_bleeped(self) -> None:
        [entry], bleeps = struck(said("user", "Write to a@b.de, please"))
        assert entry["text"] == "Write to [email], please"
        assert [list(word) for word in entry["words"]] == [
            [1000, 1100, "Write"],
            [1100, 1200, "to"],
            [1200, 1300, "[email],"],
            [1300, 1400, "please"],
        ]
        assert bleeps == [Bleep(0, 1050, 1450, "email")]

    def test_several_words_become_one(self) -> None:
        [entry], bleeps = struck(said("assistant", "So five five five oh one two three, yes?"))
        assert [word[2] for word in entry["words"]] == ["So", "[phone],", "yes?"]
        assert entry["words"][1][:2] == [1100, 1800]
        assert bleeps == [Bleep(1, 950, 1950, "phone")]

    def test_around_guessed_times_more_is_bleeped(self) -> None:
        _, bleeps = struck(said("user", "a@b.de", exact=False))
        assert bleeps == [Bleep(0, 400, 1700, "email")]

    @pytest.mark.parametrize(("lasts", "margin"), [(4_000, 600), (12_000, 1_200), (90_000, 2_000)])
    def test_the_longer_a_turn_the_worse_the_guess(self, lasts: int, margin: int) -> None:
        turn = said("user", "a@b.de", at=50_000, exact=False, start_ms=0, end_ms=lasts)
        assert struck(turn)[1] == [Bleep(0, 50_000 - margin, 50_100 + margin, "email")]

    def test_bleeps_that_touch_are_one(self) -> None:
        _, bleeps = struck(said("user", "a@b.de and c@d.de"))
        assert bleeps == [Bleep(0, 850, 1450, "email")]

    def test_what_nobody_heard_is_struck_out_too(self) -> None:
        [entry], bleeps = struck(said("assistant", "It is 0170 12", unheard="34567 I think"))
        assert (entry["text"], entry["unheard"]) == ("It is [phone]", "[phone] I think")
        assert len(bleeps) == 1

    def test_a_number_said_over_several_turns_is_one(self) -> None:
        entries, bleeps = struck(
            said("user", "five five five", at=0),
            said("assistant", "Yes?", at=1000),
            said("user", "oh one two three", at=2000),
        )
        assert [entry["text"] for entry in entries] == ["[phone]", "Yes?", "[phone]"]
        assert [(bleep.start_ms, bleep.end_ms) for bleep in bleeps] == [(0, 450), (1850, 2550)]

    def test_numbers_far_apart_are_several(self) -> None:
        entries, _ = struck(
            said("user", "five five five"),
            said("assistant", "Thank you, and now the number of your house, please."),
            said("user", "one two"),
        )
        assert [entry["text"] for entry in entries[::2]] == ["five five five", "one two"]

    def test_arguments_and_results_of_tools_are_struck_out_without_a_bleep(self) -> None:
        entries, bleeps = struck(
            {"kind": "call", "name": "find", "text": '{"card": "4111111111111111"}'},
            {"kind": "result", "name": "find", "text": "a@b.de"},
        )
        assert [entry["text"] for entry in entries] == ['{"card": "[card]"}', "[email]"]
        assert bleeps == []


@pytest.fixture
def session(alice: Person) -> Iterator[RealtimeSession]:
    with tenant_context(alice.tenant.id):
        version = version_with(Privacy(redact=KINDS))
        yield talk("sess_1", who="x", words="I am a@b.de", agent_version=version)


def test_a_session_without_redaction_stays_as_it_is(alice: Person) -> None:
    with tenant_context(alice.tenant.id):
        plain = talk("sess_1", who="x", words="I am a@b.de")
        entries = [said("user", "I am a@b.de")]
        assert redact_session(plain, entries) == (entries, [])
        assert redact_log(plain, entries) == 0
        assert kinds_of(plain) == []


def test_bleeps_are_kept_without_what_was_said(session: RealtimeSession) -> None:
    _, bleeps = redact_session(session, [said("user", "I am a@b.de"), said("assistant", "a@b.de", at=5000)])
    for _ in range(2):
        keep_bleeps(session, bleeps)
    assert bleeps_of(session) == bleeps
    assert len(bleeps) == 2
    assert Redaction.objects.count() == 2


def test_no_event_of_the_log_has_it(session: RealtimeSession) -> None:
    delta = {"item_id": "item_2", "content_index": 0}
    events(
        session,
        ("conversation.item.done", {"item": {"content": [{"transcript": "mail a@b.de now"}]}}),
        ("response.output_audio_transcript.delta", {**delta, "delta": "It is 0170 12"}),
        ("response.output_audio_transcript.delta", {**delta, "delta": "34567, right?"}),
        ("response.output_audio_transcript.delta", {**delta, "item_id": "item_3", "delta": "Fine."}),
        ("response.function_call_arguments.done", {"arguments": '{"card": "4111 1111 1111 1111"}'}),
        ("turn.transcribed", {"text": "five five five", "item_id": "item_4"}),
    )
    entries = [said("user", "five five five"), said("user", "oh one two three")]
    assert redact_log(session, entries) == 6
    bodies = [event.body for event in SessionEvent.objects.order_by("seq")]
    assert bodies[0]["text"] == "I am [email]"
    assert bodies[1]["item"]["content"] == [{"transcript": "mail [email] now"}]
    assert [body["delta"] for body in bodies[2:5]] == ["It is [phone], right?", "", "Fine."]
    assert bodies[5]["arguments"] == '{"card": "[card]"}'
    assert bodies[6]["text"] == "[phone]"
    assert bodies[2]["item_id"] == "item_2"
    assert redact_log(session, entries) == 0


class Names:
    """Another redactor, as a setting names it."""

    kinds = {"name": "Names"}

    def find(self, text: str, kinds: Any) -> list[Span]:
        return [Span(text.index("Ada"), text.index("Ada") + 3, "name")] if "Ada" in text else []


def test_another_redactor_can_take_its_place(settings: Settings) -> None:
    settings.REDACTOR = f"{__name__}.Names"
    [entry], _ = redact_entries([said("user", "I am Ada")], ["name"], redactor())
    assert entry["text"] == "I am [name]"


@pytest.mark.parametrize("path", ["no.such.Class", "antiphon.redaction.Nobody", "datetime.datetime"])
def test_a_redactor_that_is_none_is_named(settings: Settings, path: str) -> None:
    settings.REDACTOR = path
    with pytest.raises(ImproperlyConfigured, match="REDACTOR must be"):
        redactor()
