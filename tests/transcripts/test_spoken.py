"""From a session as the engine runs it to its transcript: what was heard, to the letter, and when."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from antiphon.engine.observers.log import LogObserver, Record, entry_of
from antiphon.providers.scripted.llm import ScriptedLlm, say
from antiphon.providers.scripted.stt import Heard, ScriptedStt
from antiphon.providers.scripted.tts import ScriptedTts
from apps.conversations.models import SessionEvent
from apps.transcripts.entries import Entry
from apps.transcripts.reading import TYPES, languages_of, transcript_of, words_of
from tests.engine.session_harness import Stage

ANSWER = "One two three four five six seven eight nine ten."
MS_PER_CHARACTER = 50
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Kept:
    """What a session leaves in its log, on a clock that began with it."""

    def __init__(self, stage: Stage) -> None:
        self._records: list[Record] = []
        stage.observers.append(
            LogObserver(uuid.uuid4(), self._records.append, epoch_ms=BEGAN.timestamp() * 1000)
        )

    @property
    def events(self) -> list[SessionEvent]:
        events = []
        for record in sorted(self._records, key=lambda record: record.seq):
            entry = entry_of(record)
            at = datetime.fromtimestamp(record.at / 1000, UTC)
            body = json.loads(entry.body)
            events.append(
                SessionEvent(
                    type=entry.type, at=at, item_id=entry.item_id, response_id=entry.response_id, body=body
                )
            )
        return [event for event in events if event.type in TYPES]

    def entries(self, timeline: Any = None) -> list[Entry]:
        return transcript_of(self.events, began=BEGAN, timeline=timeline)


def make_stage(**given: Any) -> Stage:
    return Stage(
        **{
            "llm": ScriptedLlm(say(ANSWER, first=0.3)),
            "tts": ScriptedTts(ms_per_character=MS_PER_CHARACTER),
            "stt": ScriptedStt(
                Heard("Please count to ten.", delay=0.1, language="en"), Heard("Stop.", delay=0.1)
            ),
        }
        | given
    )


async def spoken(stage: Stage, *, cut_after: float = 0.0, paced: bool = False) -> Kept:
    """A turn of two seconds after one of silence, and its answer, into which the user speaks after so long."""
    kept = Kept(stage)
    async with stage.session(paced=paced) as client:
        await client.speak(1.0, loud=False)
        await client.turn(2.0)
        await client.wait_for("output_audio_buffer.started" if paced else "response.output_audio.delta")
        if cut_after:
            await client.speak(cut_after, loud=False)
            await client.turn()
            await client.wait_for("response.done", 2)
        else:
            await client.wait_for("response.done")
            await client.speak(MS_PER_CHARACTER * len(ANSWER) / 1000 + 1, loud=False)
    return kept


async def test_it_works_both_sides_are_there_when_they_were_heard() -> None:
    entries = (await spoken(make_stage())).entries()
    user, assistant = entries
    assert (user.kind, user.text, user.language) == ("user", "Please count to ten.", "en")
    assert abs(user.start_ms - 700) <= 60  # with 300 ms before it
    assert 3000 <= user.end_ms <= 3300
    assert (assistant.kind, assistant.text, assistant.unheard) == ("assistant", ANSWER, "")
    assert assistant.end_ms - assistant.start_ms == MS_PER_CHARACTER * len(ANSWER)
    assert assistant.start_ms > user.end_ms
    assert languages_of(entries) == ["en"]
    assert words_of(entries) == 14


async def test_each_word_has_its_time() -> None:
    user, assistant = (await spoken(make_stage())).entries()
    assert [word for _, _, word in assistant.words] == ANSWER.split()
    for start, end, word in assistant.words:
        begins = assistant.start_ms + MS_PER_CHARACTER * ANSWER.index(word)
        assert abs(start - begins) <= MS_PER_CHARACTER
        assert abs(end - begins - MS_PER_CHARACTER * len(word)) <= MS_PER_CHARACTER
    assert [word for _, _, word in user.words] == ["Please", "count", "to", "ten."]
    assert (user.words[0][0], user.words[-1][1]) == (user.start_ms, user.end_ms)
    assert not user.exact


async def test_what_is_cut_short_is_what_was_heard_to_the_letter() -> None:
    for paced in (False, True):
        entries = (await spoken(make_stage(), cut_after=0.6, paced=paced)).entries()
        cut = entries[1]
        assert cut.is_cut
        assert cut.text
        assert f"{cut.text} {cut.unheard}" == ANSWER
        assert " ".join(word for _, _, word in cut.words) == cut.text
        assert cut.words[-1][1] <= cut.end_ms < cut.start_ms + MS_PER_CHARACTER * len(ANSWER)
        after = entries[2]
        assert (after.kind, after.text) == ("user", "Stop.")
        assert after.start_ms <= cut.end_ms <= after.end_ms


async def test_what_the_client_says_was_heard_counts() -> None:
    stage = make_stage()
    kept = Kept(stage)
    async with stage.session() as client:
        client.say("Count, please.")
        await client.wait_for("response.done")
        item = client.of("response.output_item.added")[0]["item"]["id"]
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=700)
        await client.wait_for("conversation.item.truncated")
    user, assistant = kept.entries()
    assert user.text == "Count, please."
    assert (assistant.text, assistant.is_cut) == ("One two three", True)
    assert assistant.unheard == "four five six seven eight nine ten."
    assert assistant.end_ms - assistant.start_ms == 700


async def test_a_turn_ends_with_its_audio_however_long_nothing_follows() -> None:
    kept = await spoken(make_stage())
    whole = kept.entries()[0]
    pause = {"user": [[0, 0], [whole.end_ms - 1, 60_000]]}
    user, _ = kept.entries(pause)
    assert user.end_ms == pytest.approx(whole.end_ms, abs=5)


async def test_a_recordings_timeline_counts_more_than_the_log() -> None:
    kept = await spoken(make_stage())
    item = kept.entries()[1].item_id
    length = MS_PER_CHARACTER * len(ANSWER)
    timeline = {"user": [[0, 5000]], "items": {item: [[0, 9000, 1000], [1000, 20_000, length - 1000]]}}
    user, assistant = kept.entries(timeline)
    assert abs(user.start_ms - 5700) <= 60
    assert (assistant.start_ms, assistant.end_ms) == (9000, 20_000 + length - 1000)
    assert assistant.words[-1][0] > 20_000
