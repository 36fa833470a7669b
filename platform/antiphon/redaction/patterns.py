"""What has a form: addresses, numbers with a checksum, numbers of telephones. As written, and as people say it."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_address

from antiphon.redaction.checksums import iban_is_valid, luhn_is_valid
from antiphon.redaction.numbers import NUMBER_WORD, Run, runs
from antiphon.redaction.spans import Span, apart

KINDS: Mapping[str, str] = {
    "email": "E-mail addresses",
    "url": "Web addresses",
    "iban": "Bank accounts (IBAN)",
    "card": "Payment cards",
    "us_ssn": "US social security numbers",
    "ip_address": "IP addresses",
    "date_of_birth": "Dates of birth",
    "phone": "Telephone numbers",
}

_NEAR = 48  # characters before a number in which a word may say what it is
_DOT = r"(?:\s*\.\s*|\s+(?:dot|punkt|point)\s+)"
_SAID_DOT = r"\s+(?:dot|punkt|point)\s+"
_TLD = (
    r"(?:com|org|net|edu|gov|info|biz|io|ai|app|dev|co|me|tv|eu|de|at|ch|uk|us|ca|au|nz|ie|fr|it|es|nl|be|dk|se|no|fi|"
    r"pl|cz|pt|in|jp|cn|br|mx)"
)
_WORD = r"[^\W_][\w-]{0,63}"
_SPELLED = r"(?:[^\W\d_](?:[\s-]{1,3}[^\W\d_]\b){2,40})"
_MAILERS = (
    r"(?:gmail|googlemail|yahoo|outlook|hotmail|live|icloud|me|aol|gmx|web|t-online|freenet|proton|protonmail|"
    r"mail)"
)
_JOIN = r"(?:dot|punkt|point|underscore|unterstrich|dash|hyphen|bindestrich|minus|plus)"
_PART = rf"(?:{_SPELLED}|{_WORD})"
_LOCAL = rf"{_PART}(?:\s+{_JOIN}\s+{_PART}|\s+(?:{NUMBER_WORD}|\d{{1,9}})\b|\.{_WORD}){{0,12}}"
_AT = r"\s+(?:at|ät|klammeraffe)\s+(?:the\s+)?"
_I = re.IGNORECASE

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", _I)
_SAID_EMAIL = re.compile(
    rf"\b{_LOCAL}(?:{_AT}|\s*@\s*)(?:(?:{_SPELLED}|{_WORD})(?:{_SAID_DOT}{_WORD})*{_SAID_DOT}{_TLD}\b"
    rf"|{_MAILERS}{_DOT}{_TLD}\b)(?:{_SAID_DOT}{_TLD}\b)?",
    _I,
)
_URL = re.compile(
    rf"\b(?:https?://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)\]]|\b(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,8}}{_TLD}\b(?:/[^\s<>\"']*[^\s<>\"'.,;:!?)\]])?",
    _I,
)
_SAID_URL = re.compile(
    rf"\b(?:(?:www|w\s*w\s*w|double u double u double u){_SAID_DOT})?(?:{_SPELLED}|{_WORD}){_SAID_DOT}"
    rf"(?:{_WORD}{_SAID_DOT})?{_TLD}\b(?:\s+slash\s+{_WORD})*",
    _I,
)
_IBAN = re.compile(r"\b[A-Z]{2}\s?\d{2}(?:[ -]?[A-Z0-9]){11,30}\b", _I)
_SAID_IBAN = re.compile(rf"\b[A-Z][\s.,-]*[A-Z][\s.,-]+(?=\d|{NUMBER_WORD})", _I)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", _I)
_SAID_NUMBER = rf"(?:\d{{1,3}}|(?:{NUMBER_WORD}))(?:\s+(?:{NUMBER_WORD}|\d)){{0,3}}"
_SAID_IP = re.compile(rf"\b{_SAID_NUMBER}(?:{_SAID_DOT}{_SAID_NUMBER}){{3}}\b", _I)
_VERSION = re.compile(r"(?:version|release|v)\s*$", _I)

_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?"
)
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|\w+teenth|twentieth|thirtieth|"
    r"(?:twenty|thirty)[ -](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|\w+(?:ster|sten|ter|ten))"
)
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th|\.)?|{_ORDINAL}|{NUMBER_WORD})"
_OF_YEAR = rf"(?:{NUMBER_WORD}|thousand|tausend|hundred|hundert|and)"
_YEAR = rf"(?:\d{{2,4}}|{_OF_YEAR}(?:[\s-]+{_OF_YEAR}){{0,4}})"
_DATE = re.compile(
    rf"\b(?:\d{{1,2}}[./-]\s?\d{{1,2}}[./-]\s?\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}"
    rf"|{_MONTH}\s+(?:the\s+)?{_DAY},?\s+(?:of\s+)?{_YEAR}|(?:the\s+)?{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR})\b",
    _I,
)
_BIRTH = re.compile(r"\b(?:born|birth\s*day|birth\s*date|date of birth|birth|dob|gebor\w*|geburt\w*)\b", _I)
_SSN_SAID = re.compile(r"\b(?:social security|social|ssn|sozialversicherung\w*)\b", _I)
_PHONE_SAID = re.compile(
    r"\b(?:phone|telephone|mobile|cell|call|reach|text me|fax|tele[fp]on\w*|handy\w*|mobil\w*|rufnummer|anruf\w*|"
    r"erreich\w*|whatsapp)\b",
    _I,
)
_NO_PHONE = re.compile(
    r"\b(?:order|ticket|case|reference|invoice|tracking|article|item|customer number|bestell\w*|auftrag\w*|"
    r"rechnung\w*|kundennummer|vorgang\w*|artikel\w*|sendung\w*)\b",
    _I,
)
# The first digits that are given to issuers, and how long their numbers are.
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|(?:6|5[06-9])\d{15,18}"
)
_COUNTING = "01234567890123456789"


def find(text: str, kinds: Collection[str]) -> list[Span]:
    """Where these kinds are in a text: in order, none over another. A kind that KINDS has not is found nowhere."""
    numbers = list(runs(text)) if not _BY_NUMBER.isdisjoint(kinds) else []
    return apart(
        Span(start, end, kind)
        for kind in KINDS
        if kind in kinds
        for start, end in (_FINDERS[kind](text) if kind in _FINDERS else _NUMBER_FINDERS[kind](text, numbers))
    )


Place = tuple[int, int]


def _emails(text: str) -> Iterator[Place]:
    for pattern in (_EMAIL, _SAID_EMAIL):
        yield from (_without_stop(text, found.span()) for found in pattern.finditer(text))


def _urls(text: str) -> Iterator[Place]:
    for pattern in (_URL, _SAID_URL):
        yield from (found.span() for found in pattern.finditer(text) if text[found.start() - 1 :][:1] != "@")


def _ips(text: str) -> Iterator[Place]:
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            if _is_ip(found[0]) and not _VERSION.search(text, 0, found.start()):
                yield found.span()
    for found in _SAID_IP.finditer(text):
        octets = re.split(_SAID_DOT, found[0], flags=_I)
        if all(_octet(said) <= 255 for said in octets) and not _VERSION.search(text, 0, found.start()):
            yield found.span()


def _octet(said: str) -> int:
    digits = "".join(run.digits for run in runs(f"{said} zero zero"))[
        :-2
    ]  # as a run has three digits or more
    return int(digits) if digits else 256


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.count(".") == 3 or (len(text) > 4 and any(c.isdigit() for c in text))


def _dates_of_birth(text: str) -> Iterator[Place]:
    for found in _DATE.finditer(text):
        if _said_before(_BIRTH, text, found.start()):
            yield found.span()


def _ibans(text: str, numbers: list[Run]) -> Iterator[Place]:
    for found in _IBAN.finditer(text):
        if end := _iban_end(text, found.start(), found.end()):
            yield found.start(), end
    for found in _SAID_IBAN.finditer(text):
        run = next((run for run in numbers if run.start == found.end()), None)
        if run is None:
            continue
        country = re.sub(r"[^A-Za-z]", "", found[0])
        for count in range(len(run.tokens), 0, -1):
            part = Run(run.tokens[:count])
            if iban_is_valid(country + part.digits):
                yield found.start(), part.end
                break


def _iban_end(text: str, start: int, end: int) -> int | None:
    """The longest that is one: words may follow."""
    for last in range(end, start + 14, -1):
        if text[last - 1].isalnum() and iban_is_valid(re.sub(r"[^A-Za-z0-9]", "", text[start:last])):
            return last
    return None


def _cards(text: str, numbers: list[Run]) -> Iterator[Place]:
    for run in numbers:
        for part in run.windows(13, 19):
            if _CARD.fullmatch(part.digits) and luhn_is_valid(part.digits):
                yield part.start, part.end
                break


def _ssns(text: str, numbers: list[Run]) -> Iterator[Place]:
    for run in numbers:
        for part in run.windows(9, 9):
            area, group, serial = part.digits[:3], part.digits[3:5], part.digits[5:]
            if area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000":
                continue
            if part.groups == (3, 2, 4) or _said_before(_SSN_SAID, text, part.start):
                yield part.start, part.end
                break


def _phones(text: str, numbers: list[Run]) -> Iterator[Place]:
    for run in numbers:
        digits = run.digits
        if not 7 <= len(digits) <= 16 or digits in _COUNTING:
            continue
        start = run.start
        while start and text[start - 1] in "+(":
            start -= 1
        if plus := re.search(r"\bplus\s+$", text[:start], _I):
            start = plus.start()
        international = (start < run.start and ("+" in text[start : run.start] or plus)) or digits[:2] == "00"
        if _said_before(_PHONE_SAID, text, start) or (
            not _said_before(_NO_PHONE, text, start)
            and (international or _looks_like_phone(run) or text[start : run.start] == "(")
        ):
            yield start, run.end


def _looks_like_phone(run: Run) -> bool:
    digits, groups = run.digits, run.groups
    american = digits.removeprefix("1") if len(digits) == 11 else digits
    if run.is_dictated:
        return True
    if len(american) == 10 and american[0] in "23456789" and american[3] in "23456789":
        return groups[-2:] == (3, 4) or groups == (10,) or len(groups) > 3
    return digits[0] == "0" and len(digits) >= 9 and len(groups) <= 6 and groups[0] >= 3


def _said_before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    return pattern.search(text, max(start - _NEAR, 0), start) is not None


def _without_stop(text: str, place: Place) -> Place:
    start, end = place
    while text[end - 1] in ".-":
        end -= 1
    return start, end


_FINDERS: Mapping[str, Callable[[str], Iterator[Place]]] = {
    "email": _emails,
    "url": _urls,
    "ip_address": _ips,
    "date_of_birth": _dates_of_birth,
}
_NUMBER_FINDERS: Mapping[str, Callable[[str, list[Run]], Iterator[Place]]] = {
    "iban": _ibans,
    "card": _cards,
    "us_ssn": _ssns,
    "phone": _phones,
}
_BY_NUMBER = frozenset(_NUMBER_FINDERS)
