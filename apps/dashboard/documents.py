"""The Markdown files of `docs/` as pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

from antiphon.config.env import PROJECT

_DOCS = PROJECT / "docs"
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True, slots=True)
class Document:
    """`title` is its first heading, `summary` the beginning of its first paragraph."""

    name: str
    title: str
    summary: str
    html: SafeString


@cache
def documents() -> Sequence[Document]:
    """By title. Read once for each process."""
    found = [_read(path.stem, path.read_text()) for path in _DOCS.glob("*.md")]
    return tuple(sorted(found, key=lambda document: document.title.lower()))


def document_find(name: str) -> Document | None:
    return next((document for document in documents() if document.name == name), None)


def _read(name: str, text: str) -> Document:
    tokens = _markdown.parse(text)
    inlines = [token for token in tokens if token.type == "inline"]
    title, first = (_words(token) for token in inlines[:2])
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slugify(_words(tokens[number + 1])))
        elif token.type == "table_open":
            token.attrSet("tabindex", "0")  # it scrolls where it is too wide
        elif token.type == "inline":
            token.children = _linked(token.children or [])
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    summary = first.split(". ")[0].rstrip(".") + "."
    return Document(name, title, summary, mark_safe(html))  # our own files, and no HTML in them


def _linked(tokens: list[Token]) -> list[Token]:
    """Links to other documents lead to their pages; what is no page here is no link. Pictures are static files."""
    kept, dropped = [], 0
    for token in tokens:
        if token.type == "image":
            token.attrSet("src", static(str(token.attrGet("src"))))
            token.attrSet("loading", "lazy")
        if token.type == "link_open":
            target = _target(str(token.attrGet("href") or ""))
            dropped += target is None
            if target is not None:
                token.attrSet("href", target)
                kept.append(token)
        elif token.type == "link_close" and dropped:
            dropped -= 1
        else:
            kept.append(token)
    return kept


def _target(href: str) -> str | None:
    if href.startswith(("https://", "http://", "#")):
        return href
    path, _, anchor = href.partition("#")
    if path.endswith(".md") and (_DOCS / path).parent == _DOCS and (_DOCS / path).exists():
        return reverse("document", args=[path.removesuffix(".md")]) + (f"#{anchor}" if anchor else "")
    return None


def _words(inline: Token) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content
        for child in inline.children or []
        if child.type in ("text", "code_inline", "softbreak")
    )
