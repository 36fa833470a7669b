"""A summary without a model: the sentences of a conversation that say most of what it was about, as they were said,
and what plain rules tell of how it went.

A sentence counts as much as its words that are no function words, each by how often the conversation says it (as in
Luhn's "The Automatic Creation of Literature Abstracts", 1958); the user's first request is always among them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.transcripts.entries import Entry
from apps.transcripts.models import Outcome, Sentiment

MODEL = "local/extract"

_MOST_SENTENCES = 4
_LONGEST = 240  # characters of one sentence
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SHORTEST = 3  # words of a sentence that says something

_FUNCTION_WORDS = {
    "en": "a about after all also am an and any are as at be because been but by can could did do does "
    "for from get got had has have he her here him his how i i'd i'll i'm i've if in into is it "
    "it's its just know let like me more my no not now of ok okay on one or our out please right "
    "she so some sure than thank thanks that that's the their them then there these they this to "
    "um uh up us very was we we're well were what when which who will with would yeah yes you "
    "you're your hello hi hey",
    "de": "aber alle als also am an auch auf aus bei bin bis bitte da damit dann das dass dem den der "
    "des die dir doch du ein eine einem einen einer es für gut habe haben hallo hat ich ihr im in "
    "ist ja jetzt kann kein keine können man mein meine mich mir mit nach nein nicht noch nur "
    "oder schon sehr sein sich sie sind so um und uns vom von war was wenn wer wie wir wird wo zu "
    "zum zur danke",
    "fr": "a ai au aux avec bien bonjour c'est ce ces cette dans de des du elle en est et eux il ils "
    "j'ai je la le les leur lui ma mais me merci mes moi mon ne non nous on ou où oui par pas "
    "plus pour qu'il que qui sa se ses son sur ta te tes toi ton tu un une vos votre vous y à été",
    "es": "a al algo buenos como con de del donde el ella en entre era es esa ese eso esta este esto "
    "está gracias ha hasta hay hola la las le les lo los me mi muy más no nos o para pero por "
    "porque que qué se ser si sin sobre su sus sí también te tiene un una uno y ya yo",
}
_ALL_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}

_GOOD = frozenset(
    [
        "amazing",
        "awesome",
        "brilliant",
        "excellent",
        "fantastic",
        "glad",
        "good",
        "great",
        "happy",
        "helpful",
        "love",
        "lovely",
        "nice",
        "perfect",
        "perfectly",
        "pleased",
        "thank",
        "thanks",
        "wonderful",
        "works",
        "cheers",
    ]
)
_BAD = frozenset(
    [
        "angry",
        "annoyed",
        "annoying",
        "awful",
        "bad",
        "broken",
        "complain",
        "complaint",
        "disappointed",
        "frustrated",
        "frustrating",
        "hate",
        "horrible",
        "ridiculous",
        "rude",
        "sad",
        "terrible",
        "unacceptable",
        "unhappy",
        "upset",
        "useless",
        "waste",
        "worse",
        "worst",
        "wrong",
    ]
)
_NOT = frozenset(
    ["not", "no", "never", "isn't", "wasn't", "don't", "doesn't", "didn't", "can't", "cannot", "hardly"]
)
_REACH = 3  # words before one that turn its meaning round

_DONE = re.compile(
    r"\b(that'?s (all|it|everything|perfect|great|great help)|(thank you|thanks)( so| very)?( much)?|perfect|"
    r"(that )?(worked|works|helps|helped|sounds (good|great)))\b"
)
_NOT_DONE = re.compile(
    r"\b(never ?mind|forget it|(does|did|do)(n't| not) (work|help|understand)|still (not|doesn't|won't|can't)|"
    r"not (working|helpful|what i)|useless|waste of time|i give up)\b"
)
_HANDED_OVER = re.compile(
    r"\b(transfer(ring)? you|connect(ing)? you (to|with)|put(ting)? you through|hand(ing)? you over)\b"
)
_HANDS_OVER = re.compile(r"transfer|hand_?(off|over)|escalat|human|live_agent|operator")


@dataclass(frozen=True, slots=True)
class Extract:
    summary: str
    outcome: Outcome
    sentiment: Sentiment


def extract(entries: Sequence[Entry], language: str) -> Extract:
    """`language` is the conversation's (ISO 639-1); how it went is only told in English, which an unknown one is
    taken for if its function words say so."""
    said = [
        entry for entry in entries if entry.kind in ("user", "assistant") and entry.text and not entry.aside
    ]
    language = language.partition("-")[0] or _language_of(said)
    return Extract(_summary(said, language), _outcome(entries, said, language), _sentiment(said, language))


def _summary(said: Sequence[Entry], language: str) -> str:
    stop = _ALL_FUNCTION_WORDS.get(language, frozenset())
    sentences = [(entry.kind, sentence) for entry in said for sentence in _sentences(entry.text)]
    telling = [[word for word in _tokens(sentence) if word not in stop] for _, sentence in sentences]
    counts = Counter(word for words in telling for word in words)
    first = next((i for i, (kind, s) in enumerate(sentences) if kind == "user" and _says_something(s)), None)
    chosen = {first} if first is not None else set()
    ranked = sorted(
        (index for index, (_, sentence) in enumerate(sentences) if _says_something(sentence)),
        key=lambda index: (-_weight(telling[index], counts), index),
    )
    seen = {sentences[index][1].lower() for index in chosen}
    for index in ranked:
        if len(chosen) >= _MOST_SENTENCES:
            break
        if sentences[index][1].lower() not in seen:
            seen.add(sentences[index][1].lower())
            chosen.add(index)
    return "\n".join(
        f"{'User' if sentences[index][0] == 'user' else 'Agent'}: {_clipped(sentences[index][1])}"
        for index in sorted(chosen)
    )


def _weight(words: Sequence[str], counts: Counter[str]) -> float:
    """The square of what it says over its length, so that neither the longest nor the shortest always wins."""
    telling = sum(counts[word] for word in words if counts[word] > 1) + len(set(words)) / 10
    return telling * telling / (len(words) + 3)


def _outcome(entries: Sequence[Entry], said: Sequence[Entry], language: str) -> Outcome:
    if any(entry.kind == "call" and _HANDS_OVER.search(entry.name.lower()) for entry in entries):
        return Outcome.TRANSFERRED
    if not said:
        return Outcome.UNKNOWN
    if language != "en":
        return Outcome.UNKNOWN
    if any(_HANDED_OVER.search(entry.text.lower()) for entry in said if entry.kind == "assistant"):
        return Outcome.TRANSFERRED
    last = " ".join(entry.text.lower() for entry in [e for e in said if e.kind == "user"][-2:])
    if _NOT_DONE.search(last):
        return Outcome.UNRESOLVED
    if _DONE.search(last):
        return Outcome.RESOLVED
    return Outcome.ABANDONED if said[-1].kind == "user" else Outcome.UNKNOWN


def _sentiment(said: Sequence[Entry], language: str) -> Sentiment:
    words = [word for entry in said if entry.kind == "user" for word in _tokens(entry.text)]
    if language != "en" or not words:
        return Sentiment.UNKNOWN
    good = bad = 0
    for index, word in enumerate(words):
        turned = any(before in _NOT for before in words[max(index - _REACH, 0) : index])
        good += (word in _GOOD and not turned) or (word in _BAD and turned)
        bad += (word in _BAD and not turned) or (word in _GOOD and turned)
    if not good and not bad:
        return Sentiment.NEUTRAL
    if good and bad and max(good, bad) < 2 * min(good, bad):
        return Sentiment.MIXED
    return Sentiment.POSITIVE if good > bad else Sentiment.NEGATIVE


def _language_of(said: Iterable[Entry]) -> str:
    """English, or none that anything is told of."""
    words = [word for entry in said for word in _tokens(entry.text)]
    function_words = sum(word in _ALL_FUNCTION_WORDS["en"] for word in words)
    return "en" if words and function_words * 4 >= len(words) else ""


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]


def _says_something(sentence: str) -> bool:
    return len(_tokens(sentence)) >= _SHORTEST


def _tokens(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _TOKEN.findall(text.lower())]


def _clipped(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST else sentence[: _LONGEST - 3].rsplit(" ", 1)[0] + "..."
