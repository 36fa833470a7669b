"""The reference of events, in Markdown, from the Structs: `python -m antiphon.protocol.reference > docs/events.md`.

Types, ranges and defaults come from the Structs, sentences from their docstrings and from those below their fields,
examples from `samples`.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType, UnionType
from typing import Any, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs
from msgspec import inspect as kinds

from antiphon.protocol import server_events as ev
from antiphon.protocol import session, session_update
from antiphon.protocol.client_events import ClientEventBase
from antiphon.protocol.codec import BadEvent, decode_client_event, encode_server_event
from antiphon.protocol.errors import ErrorBody, Refused
from antiphon.protocol.items import Content, Item, LegacyAudio, LegacyText
from antiphon.protocol.responses import ItemReference, Response, ResponseParams
from antiphon.protocol.samples import BAD_FRAMES, CLIENT_EVENTS, REFUSALS, SERVER_EVENTS

_INTRODUCTION = """\
# Events

Written by `python -m antiphon.protocol.reference`: edit the Structs in `platform/antiphon/protocol/`, not this
page. What a session does with the events is told by [protocol.md](protocol.md).

Each event is one JSON text frame. Besides the fields that are told here, every event has its `type`. A client event
may have an `event_id`, a string of your own that comes back in an error about the event; a server event always has
one, which is unique within the session.

`a.b` is the field `b` of the object `a`, `a[].b` that of each object in the list `a`. A field that is `required` is
always there; one whose default is `absent` may be left out, and is left out where there is nothing to tell. Names
that end in `_ms` are milliseconds.
"""

_EVENTS = (ClientEventBase, ev.ServerEvent)
_UNTOLD = ("event_id", "samples")  # the first is told above, the second never sent
_SHORT = 100  # characters of JSON that stay on one line


@dataclass(frozen=True)
class _Group:
    """Structs that a heading of the reference tells about; tables link to it."""

    title: str
    structs: tuple[type[Struct], ...]

    @property
    def link(self) -> str:
        return f"[{self.title.lower()}](#{self.title.lower().replace(' ', '-')})"


_BETA = {LegacyText, LegacyAudio}  # taken from any client, shown to those of the beta alone

_GROUPS = (
    _Group("Session", (session.Session,)),
    _Group("Transcription session", (session.TranscriptionSession,)),
    _Group("Audio format", get_args(session.AudioFormat)),
    _Group("Turn detection", get_args(session.TurnDetection)),
    _Group("Tool", get_args(session.ToolConfig)),
    _Group("Tool choice", (session.FunctionChoice, session.McpChoice)),
    _Group("Truncation", (session.RetentionRatio,)),
    _Group("Response parameters", (ResponseParams,)),
    _Group("Response", (Response,)),
    _Group("Item", (*get_args(Item), ItemReference)),
    _Group("Content", tuple(kind for kind in get_args(Content) if kind not in _BETA)),
    _Group("Content part", (ev.TextPart, ev.AudioPart)),
    _Group("Error", (ErrorBody,)),
)
_GROUP_OF: Mapping[type[Struct], _Group] = {
    **{struct: group for group in _GROUPS for struct in group.structs},
    session_update.SessionPatch: _GROUPS[0],
}

_CHANGED_BY: Mapping[type[Struct], type[Struct]] = {
    session.Session: session_update.SessionPatch,
    session.SessionAudio: session_update.SessionAudioPatch,
    session.AudioInput: session_update.AudioInputPatch,
    session.AudioOutput: session_update.AudioOutputPatch,
    session.Transcription: session_update.TranscriptionPatch,
    session.NoiseReduction: session_update.NoiseReductionPatch,
    session.ServerVad: session_update.TurnDetectionPatch,
    session.SemanticVad: session_update.TurnDetectionPatch,
}
"""What a client may send in the place of what it is shown: there the ranges are."""

_PLAIN: Mapping[type[kinds.Type], str] = {
    kinds.BoolType: "boolean",
    kinds.NoneType: "null",
    kinds.BytesType: "string",
    kinds.DictType: "object",
}


def reference() -> str:
    parts = [_INTRODUCTION, "## Client events\n"]
    parts += (_client_event(sample) for sample in CLIENT_EVENTS)
    parts += ["## Server events\n"]
    parts += (_server_event(sample) for sample in SERVER_EVENTS)
    parts += ["## Objects\n"]
    parts += (_group(group) for group in _GROUPS)
    parts += ["## Errors\n", _errors()]
    return "\n".join(parts)


def _client_event(sample: Mapping[str, Any]) -> str:
    frame = msgspec.json.encode(sample)
    kind = type(decode_client_event(frame.decode()))
    return "\n".join([f"### {kind.__struct_config__.tag}\n", *_about(kind), *_example(frame)])


def _server_event(event: ev.ServerEvent) -> str:
    frame = encode_server_event(structs.replace(event, event_id="event_1")).encode()
    return "\n".join([f"### {session.tag_of(event)}\n", *_about(type(event)), *_example(frame)])


def _group(group: _Group) -> str:
    lines = [f"### {group.title}\n"]
    for struct in group.structs:
        tag = struct.__struct_config__.tag
        lines += [f"`type` is `{tag}`.\n" if len(group.structs) == 1 else f"#### {tag}\n"] if tag else []
        lines += _about(struct)
    return "\n".join(lines)


def _example(frame: bytes) -> list[str]:
    indent = 2 if len(frame) > _SHORT else 0
    return ["```json", msgspec.json.format(frame, indent=indent).decode(), "```\n"]


def _about(struct: type[Struct]) -> list[str]:
    """What its docstring says, and its fields."""
    lines = [_joined(struct.__doc__) + "\n"] if vars(struct).get("__doc__") else []
    rows = list(_rows(struct))
    if rows:
        lines += ["| field | type | default | |", "|---|---|---|---|", *rows, ""]
    return lines


def _rows(struct: type[Struct], prefix: str = "") -> Iterator[str]:
    """One for each field. Objects without a heading of their own are told field by field."""
    changed_by = _CHANGED_BY.get(struct)
    changes = {field.name: _kind(field.type) for field in structs.fields(changed_by)} if changed_by else {}
    notes = _notes(struct)
    for field in structs.fields(struct):
        if issubclass(struct, _EVENTS) and field.name in _UNTOLD:
            continue
        shown, about = _kind(field.type), notes.get(field.name, "")
        told = changes.get(field.name, shown) if not list(_structs(shown)) else shown
        if changed_by and field.name not in changes:
            about = f"Set by the server. {about}".strip()
        yield f"| `{prefix}{field.name}` | {_words(told)} | {_default(struct, field)} | {about} |"
        inner = [found for found in _structs(shown) if found not in _GROUP_OF]
        if len(inner) == 1:
            each = "[]" if isinstance(shown, kinds.ListType) else ""
            yield from _rows(inner[0], f"{prefix}{field.name}{each}.")
    for name, about in _notes(changed_by).items() if changed_by else ():
        yield f"| `{name}` | {_words(changes[name])} | absent | {about} |"


def _kind(annotation: Any) -> kinds.Type:
    """Like `type_info`, but also of a union of Structs that could not be decoded, as server events have it."""
    if get_origin(annotation) is not UnionType:
        return kinds.type_info(annotation)
    alternatives = (kind for kind in get_args(annotation) if kind is not UnsetType)
    return kinds.UnionType(tuple(kinds.type_info(kind) for kind in alternatives))


def _structs(kind: kinds.Type) -> Iterator[type[Struct]]:
    match kind:
        case kinds.StructType(cls=struct) if struct not in _BETA:
            yield struct
        case kinds.UnionType(types=alternatives):
            for one in alternatives:
                yield from _structs(one)
        case kinds.ListType(item_type=item):
            yield from _structs(item)


def _words(kind: kinds.Type) -> str:
    *others, last = dict.fromkeys(_alternatives(kind))
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(kind: kinds.Type) -> Iterator[str]:
    match kind:
        case kinds.UnionType(types=alternatives):
            for one in alternatives:
                yield from _alternatives(one)
        case kinds.StructType(cls=struct):
            if struct not in _BETA:
                yield _GROUP_OF[struct].link if struct in _GROUP_OF else "object"
        case kinds.LiteralType(values=values):
            yield from (f"`{value}`" for value in values)
        case kinds.ListType(item_type=item, min_length=least):
            yield f"list of {_words(item)}" + (f" (at least {least})" if least else "")
        case kinds.StrType(max_length=most):
            yield "string" if most is None else f"string (at most {most} characters)"
        case kinds.IntType(ge=least, le=most):
            yield "integer" + _range(least, most)
        case kinds.FloatType(ge=least, le=most):
            yield "number" + _range(least, most)
        case kinds.DictType(value_type=kinds.StrType()):
            yield "object of strings"
        case _:
            yield _PLAIN[type(kind)]


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f" ({least} or more)" if most is None else f" ({least} to {most})"


def _default(struct: type[Struct], field: structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if value is UNSET or (value is None and struct.__struct_config__.omit_defaults):
        return "absent"
    if isinstance(value, Struct):
        tag = value.__struct_config__.tag
        return f"`{tag}`" if tag else ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _notes(struct: type[Struct]) -> dict[str, str]:
    """What is said about its fields, by name."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, Struct) and base is not Struct:
            found |= _notes_in(sys.modules[base.__module__]).get(base.__name__, {})
    return found


@cache
def _notes_in(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """The docstrings below fields, by class and field: Python itself does not keep them."""
    return {
        kind.name: {
            field.target.id: _joined(note.value.value)
            for field, note in pairwise(kind.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(note, ast.Expr)
            and isinstance(note.value, ast.Constant)
        }
        for kind in ast.parse(inspect.getsource(module)).body
        if isinstance(kind, ast.ClassDef)
    }


def _errors() -> str:
    lines = ["| code | `param` | `message` | when |", "|---|---|---|---|"]
    for when, frame in BAD_FRAMES.items():
        try:
            decode_client_event(frame)
        except BadEvent as bad:
            lines.append(_error(bad.refused, when))
    lines += (_error(refusal(*arguments), _joined(refusal.__doc__)) for refusal, arguments in REFUSALS)
    return "\n".join([*lines, ""])


def _error(refused: Refused, when: str) -> str:
    code, param = (f"`{value}`" if value else "null" for value in (refused.body.code, refused.body.param))
    return f"| {code} | {param} | {refused.body.message} | {when} |"


def _joined(text: Any) -> str:
    return " ".join(str(text or "").split())


if __name__ == "__main__":
    sys.stdout.write(reference())
