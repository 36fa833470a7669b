"""Letters for PDFs. A face with those of most alphabets, which comes with the platform, is put into the file.
Chinese, Japanese and Korean are left to the reader's own, as PDF provides for (ISO 32000-1, section 9.7.5)."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

_FOLDER = Path(__file__).with_name("typefaces")
TEXT, BOLD = "report", "report-bold"
_CHINESE, _JAPANESE, _KOREAN = "STSong-Light", "HeiseiKakuGo-W5", "HYSMyeongJo-Medium"
_UNKNOWN = "\N{WHITE SQUARE}"


@dataclass(frozen=True, slots=True)
class Letters:
    """Those that the face in the file has."""

    known: Set[int]

    def runs(self, text: str) -> Iterator[tuple[str, str]]:
        """The text in pieces, each with the face that has its letters; empty for the file's own."""
        face, run = "", ""
        for letter in text:
            wanted = self._face(letter)
            if wanted is None:
                wanted, letter = "", _UNKNOWN if ord(_UNKNOWN) in self.known else "?"
            if wanted != face and run:
                yield face, run
                run = ""
            face, run = wanted, run + letter
        if run:
            yield face, run

    def _face(self, letter: str) -> str | None:
        code = ord(letter)
        if code in self.known:
            return ""
        if 0x3040 <= code <= 0x30FF:
            return _JAPANESE
        if 0xAC00 <= code <= 0xD7AF or 0x1100 <= code <= 0x11FF:
            return _KOREAN
        if 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF:
            return _CHINESE
        return "" if letter in "\n\t " else None


@cache
def letters() -> Letters:
    """Registers the faces, once."""
    faces = [TTFont(TEXT, _FOLDER / "DejaVuSans.ttf"), TTFont(BOLD, _FOLDER / "DejaVuSans-Bold.ttf")]
    for face in faces:
        pdfmetrics.registerFont(face)
    for is_italic in (0, 1):
        addMapping(TEXT, 0, is_italic, TEXT)
        addMapping(TEXT, 1, is_italic, BOLD)
    for name in (_CHINESE, _JAPANESE, _KOREAN):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return Letters(frozenset(faces[0].face.charToGlyph))


def marked(text: str) -> str:
    """As a paragraph's markup: with nothing in it that means anything, and the faces of its letters."""
    pieces = []
    for face, run in letters().runs(text):
        safe = escape(run)
        pieces.append(f'<font name="{face}">{safe}</font>' if face else safe)
    return "".join(pieces).replace("\n", "<br/>")


def plain(text: str) -> str:
    """For a chart, whose labels have one face: what that lacks is a box."""
    return "".join(run if not face else _UNKNOWN * len(run) for face, run in letters().runs(text))
