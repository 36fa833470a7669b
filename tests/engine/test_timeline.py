"""Where the audio of a session lies in its recording: the user's as it came, the assistant's as it was played."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.engine.timeline import Samples, Timeline

MS = 24
NEVER = 10**9


def tone(value: int, ms: int) -> Samples:
    """Every sample says whose it is."""
    return np.full(ms * MS, value, np.int16)


def at(ms: float) -> int:
    return round(ms * MS)


def whole(timeline: Timeline, ms: int) -> NDArray[np.int16]:
    return timeline.read(at(ms), NEVER)


def heard(channel: Samples) -> list[tuple[int, int, int]]:
    """Which values are to be heard from when to when, in ms."""
    edges = np.flatnonzero(np.diff(channel)) + 1
    starts, ends = [0, *edges], [*edges, len(channel)]
    return [
        (int(channel[start]), start // MS, end // MS)
        for start, end in zip(starts, ends, strict=True)
        if channel[start]
    ]


def test_it_works_the_user_is_left_as_it_came_and_the_assistant_right_as_it_was_played() -> None:
    timeline = Timeline()
    for number in range(50):
        timeline.user.add(tone(1, 20), at(100 + number * 20))
    timeline.assistant.add("a", tone(2, 300), at(1200))
    timeline.assistant.add("a", tone(3, 300), at(1210))
    sound = whole(timeline, 2000)
    assert heard(sound[:, 0]) == [(1, 100, 1100)]
    assert heard(sound[:, 1]) == [(2, 1200, 1500), (3, 1500, 1800)]
    assert timeline.maps() == {"user": [[0, 100]], "items": {"a": [[0, 1200, 600]]}}


def test_a_frame_that_comes_a_little_late_follows_without_a_break() -> None:
    timeline = Timeline()
    for arrived in (0, 20, 290, 290, 290):
        timeline.user.add(tone(1, 20), at(arrived))
    assert heard(whole(timeline, 500)[:, 0]) == [(1, 0, 100)]


def test_after_a_break_the_user_goes_on_when_the_audio_arrives() -> None:
    timeline = Timeline()
    timeline.user.add(tone(1, 20), at(0))
    timeline.user.add(tone(2, 20), at(271))
    assert heard(whole(timeline, 500)[:, 0]) == [(1, 0, 20), (2, 271, 291)]
    assert timeline.maps()["user"] == [[0, 0], [20, 271]]


def test_what_comes_faster_than_it_plays_waits_its_turn() -> None:
    timeline = Timeline()
    timeline.user.add(tone(1, 1000), at(0))
    timeline.user.add(tone(2, 1000), at(10))
    assert heard(whole(timeline, 3000)[:, 0]) == [(1, 0, 1000), (2, 1000, 2000)]


def test_an_append_that_was_refused_leaves_no_trace() -> None:
    timeline = Timeline()
    timeline.user.add(tone(1, 100), at(0))
    timeline.user.add(tone(2, 100), at(1000))
    timeline.user.take_back()
    timeline.user.take_back()
    timeline.user.add(tone(3, 100), at(1100))
    assert heard(whole(timeline, 2000)[:, 0]) == [(1, 0, 100), (3, 1100, 1200)]
    assert timeline.maps()["user"] == [[0, 0], [100, 1100]]


def test_what_is_missed_is_silence_and_what_follows_has_its_place() -> None:
    timeline = Timeline()
    timeline.user.add(tone(1, 100), at(0))
    timeline.user.miss(at(500), at(600))
    timeline.user.add(tone(2, 100), at(610))
    timeline.assistant.miss("a", at(200))
    timeline.assistant.add("a", tone(3, 100), at(700))
    sound = whole(timeline, 1000)
    assert heard(sound[:, 0]) == [(1, 0, 100), (2, 600, 700)]
    assert timeline.maps()["items"] == {"a": [[200, 700, 100]]}


def test_an_answer_that_was_cut_is_not_heard_further_and_the_next_comes_at_once() -> None:
    timeline = Timeline()
    timeline.assistant.add("a", tone(1, 1000), at(0))
    timeline.assistant.add("a", tone(2, 1000), at(0))
    timeline.assistant.add("b", tone(3, 1000), at(0))
    timeline.assistant.cut("a", at(1200), at(1200))
    timeline.assistant.cut("b", 0, at(1200))
    timeline.assistant.add("a", tone(9, 1000), at(1250))
    timeline.assistant.add("c", tone(4, 100), at(1300))
    assert heard(whole(timeline, 4000)[:, 1]) == [(1, 0, 1000), (2, 1000, 1200), (4, 1300, 1400)]
    assert timeline.maps()["items"] == {"a": [[0, 0, 1200]], "c": [[0, 1300, 100]]}


def test_a_client_that_tells_later_that_it_stopped_sooner_is_believed() -> None:
    timeline = Timeline()
    timeline.assistant.add("a", tone(1, 1000), at(0))
    timeline.assistant.cut("a", at(800), at(800))
    timeline.assistant.cut("a", at(600), at(1000))
    timeline.assistant.cut("a", at(900), at(1100))
    assert heard(whole(timeline, 2000)[:, 1]) == [(1, 0, 600)]


def test_where_the_client_skips_the_rest_of_one_item_the_next_moves_up() -> None:
    timeline = Timeline()
    timeline.assistant.add("a", tone(1, 1000), at(0))
    timeline.assistant.add("b", tone(2, 500), at(0))
    timeline.assistant.cut("a", at(400), at(400))
    assert heard(whole(timeline, 2000)[:, 1]) == [(1, 0, 400), (2, 400, 900)]


def test_what_was_read_stays_whatever_comes_out_later() -> None:
    timeline = Timeline()
    timeline.assistant.add("a", tone(1, 1000), at(0), source := object())
    before = whole(timeline, 700)
    timeline.assistant.recall([source])
    timeline.assistant.cut("a", at(300), at(800))
    sound = np.concatenate([before, whole(timeline, 2000)])
    assert heard(sound[:, 1]) == [(1, 0, 700)]
    assert timeline.maps()["items"] == {"a": [[0, 0, 700]]}


def test_what_was_recalled_is_not_played() -> None:
    timeline = Timeline()
    sources = [object(), object()]
    timeline.assistant.add("a", tone(1, 500), at(0), sources[0])
    timeline.assistant.add("a", tone(2, 500), at(0), sources[1])
    timeline.assistant.recall([sources[1]])
    timeline.assistant.add("b", tone(3, 100), at(100))
    assert heard(whole(timeline, 2000)[:, 1]) == [(1, 0, 500), (3, 500, 600)]


def test_when_nobody_listens_any_more_nothing_is_played() -> None:
    timeline = Timeline()
    timeline.assistant.add("a", tone(1, 1000), at(0))
    timeline.assistant.add("a", tone(1, 1000), at(0))
    timeline.assistant.stop(at(300))
    assert heard(whole(timeline, 2000)[:, 1]) == [(1, 0, 300)]


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("user"), st.integers(0, 400), st.integers(1, 300)),
        st.tuples(st.just("say"), st.integers(0, 400), st.integers(1, 300)),
        st.tuples(st.just("cut"), st.integers(0, 400), st.integers(0, 500)),
        st.tuples(st.just("recall"), st.integers(0, 400), st.just(0)),
        st.tuples(st.just("read"), st.integers(0, 400), st.integers(0, 300)),
    ),
    max_size=30,
)


@given(_steps)
def test_whatever_happens_each_side_is_heard_in_order_and_where_the_maps_say(
    steps: list[tuple[str, int, int]],
) -> None:
    timeline, now, read = Timeline(), 0, [np.zeros((0, 2), np.int16)]
    came: list[Samples] = []
    sources: list[object] = []
    said: dict[str, Samples] = {}
    item = "0"
    counter = 1
    for kind, waits, ms in steps:
        now += waits
        if kind == "user":
            came.append(np.arange(counter, counter + ms, dtype=np.int16).repeat(MS))
            counter += ms
            timeline.user.add(came[-1], at(now))
        elif kind == "say":
            samples = np.arange(counter, counter + ms, dtype=np.int16).repeat(MS)
            counter += ms
            said[item] = np.concatenate([said.get(item, np.zeros(0, np.int16)), samples])
            sources = [object()]
            timeline.assistant.add(item, samples, at(now), sources[0])
        elif kind == "cut":
            timeline.assistant.cut(item, at(ms), at(now))
            item = str(int(item) + 1)
            sources = []
        elif kind == "recall" and sources:
            timeline.assistant.recall(sources)
            sources = []
            item = str(int(item) + 1)
        elif kind == "read":
            read.append(timeline.read(at(now - ms), NEVER))
    read.append(timeline.read(at(now + 60_000), NEVER))
    sound = np.concatenate(read)
    left, right = sound[:, 0], sound[:, 1]
    spoken = np.concatenate([np.zeros(0, np.int16), *came])
    assert np.array_equal(left[left != 0], spoken), "all that the user said, once, in its order"
    ends = [jump.audio for jump in timeline.user.jumps[1:]] + [len(spoken)]
    for jump, end in zip(timeline.user.jumps, ends, strict=False):
        assert np.array_equal(left[jump.at : jump.at + end - jump.audio], spoken[jump.audio : end])
    assert np.all(np.diff(right[right != 0].astype(int)) >= 0), "answers are heard in their order"
    mapped = np.zeros(len(right), bool)
    for item_id, spans in timeline.assistant.spans.items():
        for span in spans:
            place = slice(span.at, span.at + span.length)
            assert not mapped[place].any(), "no two at once"
            mapped[place] = True
            assert np.array_equal(right[place], said[item_id][span.offset : span.offset + span.length])
    assert not right[~mapped].any()
