"""What a transcript says about the end of a turn."""

import pytest

from antiphon.engine.wording import Wording, wording_of

UNFINISHED, SAYS_NOTHING, COMPLETE = Wording.UNFINISHED, Wording.SAYS_NOTHING, Wording.COMPLETE


def test_it_works() -> None:
    assert wording_of("I would like to book a table for") is UNFINISHED
    assert wording_of("I would like to book a table.") is SAYS_NOTHING
    assert wording_of("Can I book a table?") is COMPLETE


@pytest.mark.parametrize("text", ["", "   ", "...", "?"])
def test_without_words_it_says_nothing(text: str) -> None:
    assert wording_of(text) is SAYS_NOTHING


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I want a coffee and"),
        ("en", "so I told him that my"),
        ("en", "let me think um"),
        ("de", "Ich hätte gerne einen Kaffee und"),
        ("de", "das ist für die"),
        ("es", "quiero un café y"),
        ("es", "marque el número de la"),
        ("fr", "je voudrais un café et"),
        ("fr", "appuyez sur l'"),
        ("it", "vorrei un caffè e"),
        ("it", "il volume dell'"),
    ],
)
def test_a_sentence_does_not_end_in_a_conjunction_an_article_or_a_filler(language: str, text: str) -> None:
    assert wording_of(text, language) is UNFINISHED
    assert wording_of(text) is UNFINISHED, "the words tell their language"


def test_a_full_stop_makes_no_end_of_an_article_but_one_of_a_preposition() -> None:
    assert wording_of("Please enter the.", "en") is UNFINISHED
    assert wording_of("Please come in.", "en") is SAYS_NOTHING
    assert wording_of("please come in", "en") is UNFINISHED


@pytest.mark.parametrize(
    "text", ["Well,", "I was thinking...", "I was thinking…", "Three things:", "If I may —"]
)
def test_a_mark_that_leads_on_is_no_end(text: str) -> None:
    assert wording_of(text) is UNFINISHED


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "my number is five five five"),
        ("en", "My number is 555 12."),
        ("en", "it's 0 7 9"),
        ("de", "meine Nummer ist null sieben"),
        ("es", "mi número es seis cero"),
        ("fr", "c'est le zéro six"),
        ("it", "il codice è tre quattro"),
    ],
)
def test_a_few_digits_one_by_one_are_a_number_that_goes_on(language: str, text: str) -> None:
    assert wording_of(text, language) is UNFINISHED


@pytest.mark.parametrize(
    "text", ["my number is 555 12 34", "five five five one two three four", "there are two"]
)
def test_a_whole_number_may_be_the_end(text: str) -> None:
    assert wording_of(text, "en") is SAYS_NOTHING


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "yes"),
        ("en", "No, thanks."),
        ("en", "Okay"),
        ("en", "That was all I wanted, thank you"),
        ("de", "Nein danke"),
        ("es", "sí"),
        ("es", "si gracias"),
        ("fr", "Oui, merci."),
        ("it", "Va bene, grazie"),
    ],
)
def test_short_answers_and_farewells_are_complete(language: str, text: str) -> None:
    assert wording_of(text, language) is COMPLETE


def test_an_answer_that_leads_on_is_not() -> None:
    assert wording_of("No,", "en") is UNFINISHED
    assert wording_of("no but", "en") is UNFINISHED


def test_a_question_is_complete_in_any_language() -> None:
    assert wording_of("Сколько это стоит?", "ru") is COMPLETE
    assert wording_of("Who is it for?", "en") is COMPLETE


def test_a_question_that_breaks_off_is_not() -> None:
    assert wording_of("Where is the?", "en") is UNFINISHED


def test_a_missing_mark_counts_where_the_recogniser_writes_marks() -> None:
    assert wording_of("Good morning. To decrease your speaking", "en") is UNFINISHED
    assert wording_of("To decrease your speaking", "en") is UNFINISHED
    assert wording_of("to decrease your speaking", "en") is SAYS_NOTHING
    assert wording_of("I think so", "en") is SAYS_NOTHING
    assert wording_of("Paris", "en") is SAYS_NOTHING


def test_a_language_tag_may_be_long_and_an_unknown_one_knows_no_words() -> None:
    assert wording_of("das ist der", "de-AT") is UNFINISHED
    assert wording_of("das ist der", "xx") is SAYS_NOTHING


def test_quotes_and_composed_letters_do_not_hide_the_end() -> None:
    assert wording_of('He said "and so on, and"', "en") is UNFINISHED
    assert wording_of("si\N{COMBINING ACUTE ACCENT}", "es") is COMPLETE
