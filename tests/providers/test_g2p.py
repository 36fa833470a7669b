"""Text to what is said, and to the symbols of the voice."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.providers.local.g2p.lexicon import Lexicon
from antiphon.providers.local.g2p.normalize import spoken
from antiphon.providers.local.g2p.phonemizer import Phonemizer
from antiphon.providers.local.tts import ENGLISH_LEXICON, ENGLISH_SPELLING
from antiphon.providers.local.weights import Weights


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    weights = Weights(None, tmp_path_factory.mktemp("cache"))
    return Lexicon(weights.file(ENGLISH_LEXICON), weights.file(ENGLISH_SPELLING))


@pytest.fixture(scope="module")
def phonemize(lexicon: Lexicon) -> Phonemizer:
    return Phonemizer(lexicon)


def test_it_works(phonemize: Phonemizer):
    assert phonemize("Hello there, how can I help you today?") == (
        "hɛlˈoʊ ðˈɛɹ, hˈaʊ kən aɪ hˈɛlp juː tədˈeɪ?"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dr. Smith and Mrs. Jones", "doctor smith and missus jones"),
        ("Main St. is near St. Louis.", "main street is near saint louis ."),
        ("pears, apples, etc.", "pears , apples , et cetera ."),
        ("fruit, e.g. pears", "fruit , for example pears"),
        ("No. 5 and #7", "number five and number seven"),
        ("No. I can't.", "no . i can't ."),
        ("10% off & free", "ten percent off and free"),
        ("$5/month", "five dollars per month"),
        ("and/or", "and or"),
        ("first.last@example.com", "first dot last at example dot com"),
        ("Go to https://www.example.com/help?x=1.", "go to example dot com slash help ."),
        ("see example.co.uk", "see example dot co dot U K"),
        ("Wait... what?!", "wait , what ?"),
        ("a word—another (aside) one", "a word , another , aside , one"),
        ("well-known", "well known"),
        ("It’s “fine”", "it's fine"),
        ("½ cup, 5 m²", "one half cup , five meters squared"),
    ],
)
def test_what_is_written_short_is_said_in_full(lexicon: Lexicon, text: str, words: str):
    assert " ".join(spoken(text, lambda word: bool(lexicon.look_up(word)))) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the API and APIs", "the A P I and A P I's"),
        ("the U.S. market", "the U S market"),
        ("IT helps us in the US", "I T helps us in the U S"),
        ("NASA and IKEA", "nasa and ikea"),
        ("AT&T, R&D", "A T and T , R and D"),
        ("OpenAI's ChatGPT", "open A I's chat G P T"),
        ("my iPhone", "my iphone"),
        ("your id", "your I D"),
        ("A table. Plan A. I do.", "a table . plan A . i do ."),
        ("HELLO THERE!", "hello there !"),
        ("gate B12", "gate B twelve"),
    ],
)
def test_abbreviations_are_spelled_and_names_are_not(lexicon: Lexicon, text: str, words: str):
    assert " ".join(spoken(text, lambda word: bool(lexicon.look_up(word)))) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Bold** and _italic_ and `code`", "bold and italic and code"),
        ("# Title\nText", "title . text"),
        ("- one\n- two\n", "one . two ."),
        ("1. Open\n2. Close", "one . open . two . close"),
        ("[the page](https://example.com)", "the page"),
        ("```python\nprint\n```", "print ."),
        ("| a cell | b cell |", "a cell , b cell ,"),
    ],
)
def test_marks_of_markdown_are_not_said(lexicon: Lexicon, text: str, words: str):
    assert " ".join(spoken(text, lambda word: bool(lexicon.look_up(word)))) == words


@pytest.mark.parametrize("text", ["", " ", "***", "🙂👍🏽", "你好", "Привет", "!?", "\n\n", "​"])
def test_what_cannot_be_said_is_silence(phonemize: Phonemizer, text: str):
    assert phonemize(text) == ""


def test_other_scripts_are_left_out(phonemize: Phonemizer):
    assert phonemize("Hello 你好 there 🙂") == phonemize("Hello there")


def test_unknown_words_are_guessed(phonemize: Phonemizer):
    assert phonemize("flobnar") == "flˈɑːbnɚ"
    assert phonemize("the flobnars' flobnar's") == "ðə flˈɑːbnɚz flˈɑːbnɚz"


def test_an_unknown_word_without_vowels_is_spelled(phonemize: Phonemizer):
    assert phonemize("xqz") == "ˈɛkskjˈuːzˈiː"


def test_accents_do_not_matter(phonemize: Phonemizer):
    assert phonemize("café résumé") == phonemize("cafe resume")


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ("I live here", "a live show", "live"),
        ("I have read it", "I will read it", "read"),
        ("the record", "to record it", "record"),
        ("we use it", "the use of it", "use"),
    ],
)
def test_words_with_two_pronunciations_follow_the_word_before(
    phonemize: Phonemizer, one: str, other: str, word: str
):
    at = [text.split().index(word) for text in (one, other)]
    assert phonemize(one).split()[at[0]] != phonemize(other).split()[at[1]]


def test_the_article_follows_the_sound_after_it(phonemize: Phonemizer):
    assert phonemize("the end").startswith("ðɪ ")
    assert phonemize("the hour").startswith("ðɪ ")
    assert phonemize("the user").startswith("ðə ")


def test_function_words_are_stressed_only_before_a_pause(phonemize: Phonemizer):
    assert phonemize("it can do that") == "ɪt kən duː ðˈæt"
    assert phonemize("Yes, it can.") == "jˈɛs, ɪt kˈæn."


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_symbols_or_silence(phonemize: Phonemizer, text: str):
    symbols = phonemize(text)
    assert symbols == symbols.strip()
    assert "  " not in symbols


@pytest.mark.parametrize("char", ["a", "1", "@", ".", "-", "A.", "1/", "a@", "www.", "1,", "(", "\n", "$1 "])
def test_a_long_unbroken_run_does_not_hang(phonemize: Phonemizer, char: str):
    phonemize(char * 2000)


def test_missing_data_is_an_error(tmp_path: Path):
    with pytest.raises(sqlite3.OperationalError, match="unable to open database"):
        Lexicon(tmp_path / "lexicon.db", tmp_path / "model.crf")
