import pytest

from antiphon.audio.pcm import size_of
from antiphon.providers.base.narration import Narration, Timing
from antiphon.providers.base.tts import Audio, Spoken, WordMark


@pytest.fixture
def narration():
    return Narration()


def silence(ms):
    return bytes(size_of(ms))


def shown(events):
    """Texts of pieces, of marked words in brackets, and durations of audio in ms."""
    shows = {
        Spoken: lambda event: event.text,
        WordMark: lambda event: [event.text],
        Audio: lambda event: len(event.pcm) / size_of(1),
    }
    return [shows[type(event)](event) for event in events]


def characters(text, start_ms, ms=100):
    return [Timing(char, start_ms + i * ms, start_ms + (i + 1) * ms) for i, char in enumerate(text)]


def test_it_works(narration):
    narration.add("Good ")
    narration.add("morning.")
    assert shown(narration.hear(silence(100))) == ["Good ", 100]
    assert shown(narration.finish()) == ["morning."]
    assert narration.made == size_of(100)


def test_samples_may_come_in_halves(narration):
    assert list(narration.hear(b"\1")) == []
    assert list(narration.hear(b"\2\3")) == [Audio(b"\1\2")]
    assert list(narration.hear(b"\4")) == [Audio(b"\3\4")]


def test_empty_pieces_are_not_announced(narration):
    narration.add("")
    assert list(narration.finish()) == []


def test_audio_is_cut_at_the_word_that_begins_a_piece(narration):
    narration.add("Good morning, ")
    narration.add("Zoë.")
    words = [Timing("Good", 0, 300), Timing("morning", 300, 700), Timing("Zoë", 750, 1000)]
    assert list(narration.words(words, "response")) == []
    assert shown(narration.hear(silence(1000))) == [
        "Good morning, ",
        ["Good"],
        ["morning"],
        750,
        "Zoë.",
        ["Zoë"],
        250,
    ]
    assert shown(narration.finish()) == []


def test_words_that_come_after_their_audio_are_marked_at_once(narration):
    narration.add("Good ")
    narration.add("morning.")
    assert shown(narration.hear(silence(400))) == ["Good ", 400]
    words = narration.words([Timing("Good", 0, 200), Timing("morning", 200, 400)], "response")
    assert shown(words) == [["Good"], "morning.", ["morning"]]


def test_words_beyond_the_audio_are_marked_at_the_end(narration):
    narration.add("Good ")
    narration.add("morning.")
    list(narration.words([Timing("Good", 0, 200), Timing("morning", 200, 400)], "response"))
    assert shown(narration.hear(silence(100))) == ["Good ", ["Good"], 100]
    assert shown(narration.finish()) == ["morning.", ["morning"]]


def test_times_of_a_message_count_from_its_audio(narration):
    narration.add("Good morning.")
    list(narration.hear(silence(300)))
    list(narration.words([Timing("morning", 50, 250)], "message"))
    assert WordMark("morning", 350, 550) in list(narration.hear(silence(300)))


def test_times_of_a_flush_count_from_where_it_begins(narration):
    narration.add("Good morning.")
    narration.flushed()
    list(narration.hear(silence(300)))
    narration.flush_done()
    list(narration.hear(silence(200)))
    assert list(narration.words([Timing("morning", 50, 150)], "flush")) == [WordMark("morning", 350, 450)]


def test_a_word_may_be_spread_over_messages(narration):
    narration.add("Good ")
    narration.add("morning.")
    list(narration.characters(characters("Good mor", 0), "response"))
    assert shown(narration.hear(silence(800))) == ["Good ", ["Good"], 500, "morning.", 300]
    list(narration.characters(characters("ning.", 800), "response"))
    list(narration.hear(silence(500)))
    assert list(narration.finish()) == [WordMark("morning.", 500, 1300)]


def test_an_ideograph_is_a_word(narration):
    narration.add("早上好。")
    list(narration.characters(characters("早上好。", 0), "response"))
    assert shown(narration.hear(silence(400))) == ["早上好。", ["早"], ["上"], ["好"], 400]


def test_signs_by_themselves_are_no_words(narration):
    narration.add("Good — morning")
    list(narration.words([Timing("Good", 0, 1), Timing(" ", 1, 2), Timing("—", 2, 3)], "response"))
    assert shown(narration.hear(silence(10))) == ["Good — morning", ["Good"], 10]


def test_numbers_that_are_spoken_as_words_do_not_lose_the_thread(narration):
    narration.add("It is 5 °C, ")
    narration.add("and it rains.")
    said = ["It", "is", "five", "degrees", "and", "it", "rains"]
    list(narration.words([Timing(w, i * 100, i * 100 + 100) for i, w in enumerate(said)], "response"))
    heard = shown(narration.hear(silence(700)))
    assert heard[heard.index("and it rains.") - 1 :][:3] == [400, "and it rains.", ["and"]]


def test_a_word_far_ahead_is_not_taken_for_this_one(narration):
    narration.add("Hello. " * 20)
    narration.add("Goodbye.")
    list(narration.words([Timing("Goodbye", 0, 100)], "response"))
    assert shown(narration.hear(silence(100))) == ["Hello. " * 20, ["Goodbye"], 100]


def test_a_piece_is_announced_when_the_flush_before_it_is_done(narration):
    for piece in ("One. ", "Two. ", "Three."):
        narration.add(piece)
        narration.flushed()
    assert shown(narration.hear(silence(100))) == ["One. ", 100]
    assert shown(narration.hear(silence(100))) == [100]
    narration.flush_done()
    assert shown(narration.hear(silence(100))) == ["Two. ", 100]
    narration.flush_done()
    assert shown(narration.hear(silence(100))) == ["Three.", 100]
    assert not narration.all_flushes_done
    narration.flush_done()
    assert narration.all_flushes_done


def test_a_flush_may_cover_several_pieces(narration):
    for piece in ("One. ", "Two. "):
        narration.add(piece)
    narration.flushed()
    narration.add("Three.")
    assert shown(narration.hear(silence(10))) == ["One. ", 10]
    narration.flush_done()
    assert shown(narration.hear(silence(10))) == ["Two. ", "Three.", 10]


def test_a_flush_that_nobody_asked_for_announces_nothing(narration):
    narration.add("One. ")
    narration.add("Two.")
    narration.flush_done()
    assert shown(narration.hear(silence(10))) == ["One. ", 10]


def test_without_any_word_from_the_vendor_a_piece_waits_as_long_as_a_slow_voice_takes(narration):
    narration.add("x" * 10)
    narration.add("y" * 10)
    assert shown(narration.hear(silence(799))) == ["x" * 10, 799]
    assert shown(narration.hear(silence(1))) == [1]
    assert shown(narration.hear(silence(10))) == ["y" * 10, 10]


def test_a_faster_voice_takes_less_and_ideographs_more():
    fast = Narration(speed=2.0)
    fast.add("x" * 10)
    fast.add("y")
    list(fast.hear(silence(400)))
    assert shown(fast.hear(silence(1))) == ["y", 1]
    wide = Narration()
    wide.add("好" * 10)
    wide.add("y")
    list(wide.hear(silence(2399)))
    assert shown(wide.hear(silence(1))) == [1]
    assert shown(wide.hear(silence(1))) == ["y", 1]


def test_the_guess_starts_from_what_is_known(narration):
    narration.add("x" * 10)
    narration.add("y" * 10)
    narration.add("z" * 10)
    narration.flushed()
    list(narration.words([Timing("x" * 10, 0, 2000)], "response"))
    assert shown(narration.hear(silence(2000))) == ["x" * 10, ["x" * 10], 2000]
    assert shown(narration.hear(silence(799))) == ["y" * 10, 799]
    assert shown(narration.hear(silence(10))) == [10]
    assert shown(narration.hear(silence(10))) == ["z" * 10, 10]
