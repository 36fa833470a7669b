"""Turns written English into what is said: words, letters and pauses."""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from antiphon.providers.local.g2p.quantities import write_out

PAUSES: Final = ",;:.!?"
_STRENGTH = "?!.:;,"  # of several marks in a row the strongest counts

_ABBREVIATIONS = {
    "dr": "doctor",
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "prof": "professor",
    "jr": "junior",
    "sr": "senior",
    "st": "saint",
    "mt": "mount",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "apt": "apartment",
    "dept": "department",
    "inc": "incorporated",
    "ltd": "limited",
    "corp": "corporation",
    "approx": "approximately",
    "vs": "versus",
    "e.g": "for example",
    "i.e": "that is",
    "a.k.a": "also known as",
    "jan": "january",
    "feb": "february",
    "aug": "august",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
}
_SYMBOLS = {
    "&": " and ",
    "@": " at ",
    "+": " plus ",
    "=": " equals ",
    "×": " times ",
    "÷": " divided by ",
    "±": " plus or minus ",
    "≈": " about ",
    "≤": " at most ",
    "≥": " at least ",
    "→": " to ",
    "°": " degrees ",
    "%": " percent ",
    "$": " dollars ",
    "€": " euros ",
    "£": " pounds ",
    "©": " copyright ",
}
# Spelled although they look like words: these however they are written, those in capitals only.
_SPELLED = {"api", "cd", "dvd", "eta", "eu", "faq", "id", "ios", "ip", "ui", "uk", "url", "usa", "usb"}
_SPELLED_CAPITALS = {"AI", "AM", "ED", "ER", "IT", "LED", "PM", "RE", "TV", "UN", "UPS", "US"}
_SPOKEN_DOMAINS = {"com", "org", "net", "edu", "gov", "info", "dev", "app", "shop", "online"}
_ADDRESS_MARKS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", ":": "port"}

_FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}|>|[-*•])\s+", re.MULTILINE)
_LINE_END = re.compile(r"(?<=[^\s.,;:?!])[ \t]*[\r\n]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(
    r"(?:(?:https?://|www\.)[\w-]+(?:\.[\w-]+)*"
    r"|\b(?:[a-z\d-]{1,63}\.){1,8}(?:com|org|net|edu|gov|info|io|ai|dev|app|co|uk|de|eu)\b)"
    r"(?::\d+)?(?:[/?#][^\s<>\"']*[^\s<>\"'.,;:?!)\]*_])?",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    rf"(?<![\w.])({'|'.join(map(re.escape, sorted(_ABBREVIATIONS, key=len, reverse=True)))})\.", re.IGNORECASE
)
_STREET = re.compile(r"(?<=\w) St\.(?! [A-Z])")
_ET_CETERA = re.compile(r"\betc(?:\.(?! [A-Z])|\b)")
_AMPERSAND = re.compile(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b")
_NUMBER_SIGN = re.compile(r"\b(?:No|Nr)\. ?(?=\d)|#(?=\d)")
_ABOUT = re.compile(r"(?<!\w)~(?=\d)")
_PER = re.compile(r" ?/ ?(?=(?:month|year|week|day|hour|minute|night|person|user)\b)")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_ASIDE = re.compile(r"\s*(?:[—()\[\]{}|]|(?<=\s)[–-](?=\s)|--+|\.{2,})\s*")
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
_TOKEN = re.compile(rf"[{_LATIN}]+(?:'[{_LATIN}]+)*|[{re.escape(PAUSES)}]+")
_CAPITALS = re.compile(r"([A-Z]{2,})('?s)?")
_CASE_CHANGE = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_SYLLABLES = re.compile(r"(?:[^aeiou]?[aeiou])+[^aeiou]?")  # of a word that can be read: covid, but not oecd


def spoken(text: str, is_word: Callable[[str], bool]) -> list[str]:
    """What is said for `text`: words in lower case, names of letters in upper case, and marks of `PAUSES`.

    Scripts other than Latin, emoji and marks of markdown are not said. `is_word` knows words in lower case.
    """
    text = _clean(text)
    ends = text.rstrip("\"')]*_ ")[-1:]
    text = _URL.sub(_address, _EMAIL.sub(_address, text))
    text = _abbreviations(text)
    text = _PER.sub(" per ", write_out(text))
    text = "".join(_SYMBOLS.get(char, char) for char in _ASIDE.sub(", ", text))
    tokens = _tokens(text, is_word)
    if ends == "." and tokens and tokens[-1] not in PAUSES:  # an abbreviation took it
        tokens.append(".")
    return tokens


def _clean(text: str) -> str:
    """One line without markdown, in characters that have one form each."""
    text = re.sub(r"[’‘ʼ´]", "'", _LINK.sub(r"\1", _FENCE.sub("", text)))
    text = re.sub("[¼½¾⅓⅔⅛]", lambda match: f" {unicodedata.normalize('NFKC', match[0])}", text)
    text = text.replace("²", " squared").replace("³", " cubed")
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    text = " ".join(_LINE_END.sub(". ", _LINE_MARK.sub("", text)).split())
    return text.lower() if text.isupper() and re.search("[A-Z]{4}", text) else text  # shouted


def _address(match: re.Match[str]) -> str:
    """A web or mail address: `https://www.example.com/help?x=1` is `example dot com slash help`."""
    text = re.sub(r"^(?:https?://)?(?:www\.)?", "", match[0], flags=re.IGNORECASE)
    text = re.split(r"[?#]", text)[0].rstrip("/")
    host = re.split(r"[:/]", text)[0]
    domain = host.rpartition(".")[2]
    if domain.lower() not in _SPOKEN_DOMAINS:
        text = f"{host.removesuffix(domain)}{domain.upper()}{text[len(host) :]}"
    for char, name in {
        ".": "dot",
        "/": "slash",
        "@": "at",
        "-": "dash",
        "_": "underscore",
        ":": "port",
    }.items():
        text = text.replace(char, f" {name} ")
    return f" {text} "


def _abbreviations(text: str) -> str:
    text = re.sub(r"[*_~]|#(?!\d)", " ", _ABOUT.sub("about ", text))
    text = _NUMBER_SIGN.sub("number ", text)
    text = _AMPERSAND.sub(lambda match: f"{' '.join(match[1])} and {' '.join(match[2])}", text)
    text = _ET_CETERA.sub("et cetera", _STREET.sub(" street", text))
    return _ABBREVIATION.sub(lambda match: _ABBREVIATIONS[match[1].lower()], text)


def _tokens(text: str, is_word: Callable[[str], bool]) -> list[str]:
    text = _DOTTED.sub(lambda match: " ".join(match[0].replace(".", "").upper()), text)
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        begins = not tokens or tokens[-1] in PAUSES
        if token[0] not in PAUSES:
            article = token == "A" and begins and re.match(" [a-z]", text[match.end() :])
            tokens += ["a"] if article else _words(token, is_word)
        elif tokens:
            marks = token + (tokens.pop() if begins else "")
            tokens.append(min(marks, key=_STRENGTH.index))
    return tokens


def _words(written: str, is_word: Callable[[str], bool]) -> list[str]:
    """`iPhone` is one word, `OpenAI` is `open A I`, `CDs` is `C D's`."""
    word = written.lower()
    capitals = _CAPITALS.fullmatch(written)
    if capitals and _is_spelled(capitals[1], is_word):
        return [*capitals[1][:-1], capitals[1][-1] + ("'s" if capitals[2] else "")]
    if word in _SPELLED or (len(word) == 1 and written.isupper() and word != "i"):
        return list(word.upper())
    parts = _CASE_CHANGE.split(written)
    if len(parts) == 1 or is_word(word):
        return [word]
    return [word for part in parts for word in _words(part, is_word)]


def _is_spelled(capitals: str, is_word: Callable[[str], bool]) -> bool:
    word = capitals.lower()
    if word in _SPELLED or capitals in _SPELLED_CAPITALS:
        return True
    readable = len(word) > 5 or (len(word) > 3 and _SYLLABLES.fullmatch(word))
    return not readable and not is_word(word)
