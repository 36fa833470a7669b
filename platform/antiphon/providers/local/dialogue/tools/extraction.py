"""Finds the value of one slot in what was said.

What has been used for a slot is marked, so that no later slot takes it a second time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from antiphon.providers.local.dialogue.dates import Span, find_date, find_time, with_ordinal_digits
from antiphon.providers.local.dialogue.normalise import Utterance, cased_words
from antiphon.providers.local.dialogue.numbers import to_digits
from antiphon.providers.local.dialogue.tools.schema import Slot, spaced

_USED = "|"
_STOP = (
    r"(?:message|text|email|note|book|send|make|set|get|say|tell|ask|have|be|do|go|see|know|play|add|call|you|me|us"
    r"|him|her|them|it|i|please|today|tomorrow|tonight|yesterday|right|now|and|or|on|at|for|by"
    r"|with|this|next|to|from|in|near|because|that"
    r"|saying|is|are|was|will|it|of|the|a|an|my|under|about|then|around|until|as|like|named|called|using|so)"
)
_NAME_WORD = r"[A-ZÀ-ÝŒ][\w'’-]*"
_NAME = rf"{_NAME_WORD}(?: (?:{_NAME_WORD}|(?:of|de|la|le|del|upon|the)(?= [A-Z]))){{0,4}}"
_LOWER_NAME = rf"(?!{_STOP}\b)[^\W\d_][\w'’-]*(?: (?!{_STOP}\b)[^\W\d_][\w'’-]*){{0,2}}"
_NOT_NAMES = re.compile(
    r"(?:I|What|Who|How|When|Where|Why|Which|Can|Could|Would|Will|Please|Is|Are|Do|Does|Tell"
    r"|Show|Give|Get|Set|And|The|A"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April"
    r"|May|June|July|August"
    r"|September|October|November|December|Today|Tomorrow|Celsius|Fahrenheit|Hi|Hello|Hey|Yes|No|Okay|OK)\b"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SPOKEN_EMAIL = re.compile(r"\b([\w.+-]+(?: dot [\w+-]+)*) at ([\w-]+(?: dot [\w-]+)+)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_MESSAGE = re.compile(
    r"(?:\b(?:that says|saying|to say|to tell (?:him|her|them)|with the (?:message|text|words"
    r"|note)|because|that"
    r"|which says)\b[,:]?|:)\s*(.+)$",
    re.IGNORECASE,
)
_TITLED = re.compile(
    r"\b(?:called|named|titled|labell?ed|with the (?:title|name|label))\s+(.+)$", re.IGNORECASE
)
_REQUEST_OPENING = re.compile(
    r"^(?:(?:can|could|would|will) you |please |hey |hi |hello |okay |now "
    r"|i (?:want|need|would like)(?: you)? to |let us |i (?:need|want|would like) )+",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:an?|the|some|my) ", re.IGNORECASE)
_OBJECT = re.compile(
    r"^(?:search(?: the web| online| google| the internet)?(?: for)?|look(?: it)? up|look for|google"
    r"|find(?: out)?(?: about)?|put on|turn (?:on|off)|set up|sign up for|remind me(?: to| about)?|\w+)"
    r" (?:me |us )?(?P<object>.+?)(?= (?:to|onto|on|in|into|at|from|for) (?:the|my|a|our)\b|$| ?\|)",
    re.IGNORECASE,
)
_ANSWER_OPENING = re.compile(
    r"^(?:it is|it's|that's|it should be|that is|that would be|this is|make it|let us say"
    r"|let us do|i think|i want|i would like|i said"
    r"|in|on|at|to|for|from|with|about|say|under|my name is|the name is|name is|call it|just|maybe) ",
    re.IGNORECASE,
)
_EARLY = re.compile(r"\b(?:wake|alarm|morning|breakfast|sunrise)\b")
_MESSAGES = re.compile(r"\b(?:message|body|text|content|note|reason|comment)\b")
_YES = re.compile(r"\b(?:yes|yeah|yep|sure|true|of course|definitely|on|enabled?|do)\b")
_NO = re.compile(r"\b(?:no|nope|not|false|off|without|disabled?|never)\b")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_PEOPLE = {"people", "person", "persons", "guests", "guest", "us", "seats", "adults", "party", "size"}


@dataclass
class Extractor:
    """`working` is the utterance, numbers in digits and case kept, with what was used replaced by bars.

    answers: the whole utterance is the answer to a question about the slot, rather than a request.
    """

    said: Utterance
    now: datetime
    working: str
    answers: bool = False

    @classmethod
    def of(cls, said: Utterance, now: datetime, *, answers: bool = False) -> "Extractor":
        return cls(said, now, " ".join(to_digits(cased_words(said.text))), answers)

    def value(self, slot: Slot) -> Any | None:
        """The JSON value for a slot, or None if it was not said."""
        match slot.kind:
            case "enum":
                values = slot.schema["enum"]
                return values[0] if slot.required and len(values) == 1 else self._enum(values)
            case "boolean":
                return self._boolean(slot)
            case "integer" | "number":
                return self._number(slot)
            case "date":
                return self._date()
            case "time":
                return self._time()
            case "datetime":
                return self._datetime()
            case "email":
                return self._email()
            case "code":
                return self._code(slot)
            case "place":
                return self._named(slot, _place_openings(slot))
            case "person":
                return self._named(slot, _person_openings(slot))
            case "list":
                return self._list(slot)
            case "object":
                return None
            case "text":
                return self._text(slot)

    def _use(self, span: Span) -> None:
        self.working = f"{self.working[: span[0]]}{_USED}{self.working[span[1] :]}"

    def _enum(self, values: Sequence[Any]) -> Any | None:
        """Longer names first, so that "living room" is not taken for "room"."""
        for value in sorted(values, key=lambda value: -len(str(value))):
            name = re.escape(spaced(str(value)))
            if found := re.search(rf"\b{name}(?:s|es)?\b", self.working, re.IGNORECASE):
                self._use(found.span())
                return value
        return None

    def _boolean(self, slot: Slot) -> bool | None:
        lower = self.working.lower()
        if self.answers:
            return False if _NO.search(lower) else True if _YES.search(lower) else None
        noun = re.escape(slot.noun.removeprefix("is ").removeprefix("with ").removeprefix("include "))
        if re.search(rf"\b(?:without|no|not|do not|disable)(?: \w+)? {noun}|\b{noun} off\b", lower):
            return False
        if re.search(rf"\b{noun}\b", lower):
            return True
        if re.search(r"\b(?:on|enabled|state|power)\b", slot.noun):
            return False if re.search(r"\boff\b", lower) else True if re.search(r"\bon\b", lower) else None
        return None

    def _number(self, slot: Slot) -> int | float | None:
        whole = slot.kind == "integer"
        candidates = [
            found
            for found in re.finditer(
                r"(?<![\w:.-])-?\d+(?:\.\d+)?(?![\w:]|\.\d)(?: (?P<unit>[a-z]+))?",
                self.working,
                re.IGNORECASE,
            )
            if _within(_scaled(found, slot), slot) and (not whole or float(_scaled(found, slot)).is_integer())
        ]
        if not candidates:
            return None
        best = max(candidates, key=lambda found: (self._hinted(found, slot), -found.start()))
        if not (slot.required or self.answers or self._hinted(best, slot)):
            return None
        value = _scaled(best, slot)
        self._use(
            (best.start(), best.end() if _unit(best) in _SECONDS else best.start() + len(best[0].split()[0]))
        )
        return int(value) if whole else value

    def _hinted(self, found: re.Match[str], slot: Slot) -> int:
        """How strongly the words around a number point to the slot."""
        before = self.working[max(0, found.start() - 25) : found.start()].lower().split()[-2:]
        hints = set(slot.noun.split()) | set(str(slot.schema.get("description", "")).lower().split())
        if hints & _PEOPLE:
            hints |= _PEOPLE
        return sum(1 for word in (*before, _unit(found)) if word and (word in hints or f"{word}s" in hints))

    def _date(self) -> str | None:
        self.working = with_ordinal_digits(self.working)
        found = find_date(self.working.lower(), self.now.date())
        if found is None:
            return None
        self._use(found[1])
        return found[0].isoformat()

    def _time(self) -> str | None:
        lower = self.working.lower()
        if self.answers:
            lower = f"at {lower}"
        found = find_time(lower, early=bool(_EARLY.search(self.said.plain)))
        if found is None:
            return None
        if not self.answers:
            self._use(found[1])
        return found[0].strftime("%H:%M")

    def _datetime(self) -> str | None:
        day, at = self._date(), self._time()
        if day is None and at is None:
            return None
        return f"{day or self.now.date().isoformat()}T{at or '09:00'}:00"

    def _email(self) -> str | None:
        if found := _EMAIL.search(self.said.text):
            return found[0]
        if found := _SPOKEN_EMAIL.search(self.working):
            self._use(found.span())
            return f"{found[1]}@{found[2]}".replace(" dot ", ".").lower()
        return None

    def _code(self, slot: Slot) -> str | None:
        """Letters and digits as they were dictated: "a b 1 2 3" and "AB123" are one code."""
        if found := re.search(
            r"(?<![\w|])(?:[A-Za-z] )*(?:[A-Za-z]+-?)?\d[\dA-Za-z-]*(?: (?:\d+|[A-Za-z]\b))*", self.working
        ):
            self._use(found.span())
            return re.sub(r"\s", "", found[0]).upper()
        if "symbol" in slot.noun or "ticker" in slot.noun or self.answers:
            return self._named(slot, "of|for|is")
        return None

    def _named(self, slot: Slot, openings: str) -> str | None:
        """A capitalised name after one of the `openings`, or else the words after one, or else any name."""
        if self.answers:
            return _capitalised(self._whole(self.working), slot)
        if found := re.search(
            rf"\b(?i:{openings}) (?:the )?(?P<name>(?!{_NOT_NAMES.pattern}){_NAME})", self.working
        ):
            self._use(found.span())
            return found["name"]
        found = re.search(rf"\b(?i:{openings}) (?P<name>{_LOWER_NAME})", self.working)
        if found and (slot.required or slot.kind == "place"):
            self._use(found.span())
            return _capitalised(found["name"], slot)
        if slot.kind != "place":
            return None
        for found in re.finditer(rf"\b(?<!^)(?!{_NOT_NAMES.pattern}){_NAME}", self.working):
            self._use(found.span())
            return found[0]
        return None

    def _list(self, slot: Slot) -> list[Any] | None:
        items = slot.schema.get("items") or {}
        if items.get("enum"):
            chosen: list[Any] = []
            while (
                value := self._enum([value for value in items["enum"] if value not in chosen])
            ) is not None:
                chosen.append(value)
            return chosen or None
        if items.get("type") in ("integer", "number"):
            numbers = re.findall(r"-?\d+(?:\.\d+)?", self.working)
            return [int(n) if items["type"] == "integer" else float(n) for n in numbers] or None
        text = self._whole(self.said.text) if self.answers else self._object()
        return [part for part in re.split(r"\s*(?:,|\band\b)\s*", text) if part] if text else None

    def _text(self, slot: Slot) -> str | None:
        if self.answers:
            return self.said.text if _MESSAGES.search(slot.noun) else self._whole(self.said.text)
        if quoted := _QUOTED.search(self.said.text):
            return quoted[1]
        if re.search(r"\b(?:title|label|name)\b", slot.noun) and (titled := _TITLED.search(self.said.text)):
            return titled[1].rstrip(".!?")
        if _MESSAGES.search(slot.noun):
            message = _MESSAGE.search(self.said.text)
            return message[1].rstrip(".") if message else self._after_person(slot)
        if slot.required:
            return self._object() or self.said.core
        return None

    def _after_person(self, slot: Slot) -> str | None:
        """ "tell Alice | I will be late": what stands after the name that another slot has taken."""
        rest = self.working.rpartition(_USED)[2].strip() if _USED in self.working else ""
        return rest if slot.required and len(rest.split()) > 1 else None

    def _object(self) -> str | None:
        """What the request's verb is about: "milk" in "add milk to the list"."""
        request = _REQUEST_OPENING.sub("", " ".join(self.working.replace(_USED, " | ").split()))
        found = _OBJECT.match(request)
        return _ARTICLE.sub("", found["object"].strip(f" {_USED}")) or None if found else None

    def _whole(self, text: str) -> str | None:
        """An answer without the words around it: "Berlin" from "It's in Berlin."."""
        before = ""
        while before != text:
            before, text = text, _ANSWER_OPENING.sub("", text)
        return text.strip(f" .!?,{_USED}") or None


def _capitalised(name: str | None, slot: Slot) -> str | None:
    """Recognisers often write names without capitals; a place never has none."""
    return name.title() if name and slot.kind == "place" and name.islower() else name


def _person_openings(slot: Slot) -> str:
    if re.search(r"\b(?:artist|author|band|singer|composer)\b", slot.noun):
        return "by|from"
    return (
        "name is|under the name(?: of)?|the name|name"
        "|with|for|to|from|call|text|message|email|tell|ask|invite"
    )


def _place_openings(slot: Slot) -> str:
    noun = slot.noun
    if re.search(r"\b(?:origin|from|departure|pickup|start|source)\b", noun):
        return "from|leaving"
    if re.search(r"\b(?:destination|to|arrival|dropoff|target)\b", noun):
        return "to|into|for"
    return "in|at|near|around|of|for|to|from"


def _unit(found: re.Match[str]) -> str:
    return (found["unit"] or "").lower().removesuffix("s")


def _scaled(found: re.Match[str], slot: Slot) -> float:
    """The number, in the time unit that the slot's name asks for."""
    value = float(found[0].split()[0])
    wanted = next((unit for unit in _SECONDS if unit in slot.noun), None)
    spoken = _unit(found)
    return value * _SECONDS[spoken] / _SECONDS[wanted] if wanted and spoken in _SECONDS else value


def _within(value: float, slot: Slot) -> bool:
    low, high = slot.schema.get("minimum"), slot.schema.get("maximum")
    return (low is None or value >= low) and (high is None or value <= high)
