"""Lists, newest first, a page at a time; and the expanding of ids into objects."""

from collections.abc import Callable, Iterable
from typing import Any

from apps.billing.fake import refusals
from apps.billing.fake.params import Form
from apps.billing.fake.state import Object, State, present

_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def page(form: Form, url: str, things: Iterable[Object], *, newest_first: bool = True) -> Object:
    """`things` come oldest first. Raises Refusal for a cursor that is not among them."""
    data = [thing for thing in things if _in_range(thing.get("created"), form)]
    if newest_first:
        data.reverse()
    limit = form.value("limit", 10)
    if not 1 <= limit <= 100:
        raise refusals.parameter_invalid("limit", "it must be from 1 to 100")
    ids = [thing["id"] for thing in data]
    if after := form.text("starting_after"):
        data = data[_place(ids, after, "starting_after") + 1 :]
    elif before := form.text("ending_before"):
        data = data[: _place(ids, before, "ending_before")]
        return _answer(url, data[-limit:], len(data) > limit)
    return _answer(url, data[:limit], len(data) > limit)


def _answer(url: str, data: list[Object], has_more: bool) -> Object:
    return {"object": "list", "url": url, "has_more": has_more, "data": [present(thing) for thing in data]}


def _place(ids: list[str], id: str, param: str) -> int:
    if id not in ids:
        raise refusals.missing("object", id, param)
    return ids.index(id)


def _in_range(created: int | None, form: Form) -> bool:
    wanted = form.value("created")
    if wanted is None or created is None:
        return True
    if isinstance(wanted, Form):
        bounds = {name: wanted.integer(name) for name in _COMPARED if name in wanted}
        return all(_COMPARED[name](created, bound) for name, bound in bounds.items() if bound is not None)
    return created == int(wanted)


def where(things: Iterable[Object], form: Form, *names: str) -> list[Object]:
    """Those that have the values which the parameters of the same names ask for."""
    wanted: dict[str, Any] = {name: form.value(name) for name in names if name in form}
    return [thing for thing in things if all(thing.get(name) == value for name, value in wanted.items())]


def expanded(state: State, answer: Object, paths: list[str]) -> Object:
    """`latest_invoice.payments`, `data.customer`: each id on the way becomes its object."""
    for path in paths:
        answer = _expand(state, answer, path.split("."), path)
    return answer


def _expand(state: State, at: Any, parts: list[str], path: str) -> Any:
    if isinstance(at, list):
        return [_expand(state, each, parts, path) for each in at]
    name, rest = parts[0], parts[1:]
    stored = state.anywhere(at["id"]) if isinstance(at, dict) and "id" in at else None
    value = at.get(name) if isinstance(at, dict) else None
    if value is None and stored is not None:
        value = _shown(stored.get(name))
    if value is None:
        if isinstance(at, dict) and (name in at or (stored is not None and name in stored)):
            return at
        raise refusals.Refusal(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(value, str) and (found := state.anywhere(value)) is not None:
        value = present(found)
    return {**at, name: _expand(state, value, rest, path) if rest else value}


def _shown(value: Any) -> Any:
    if isinstance(value, dict) and value.get("object") == "list":
        return {**value, "data": [present(each) for each in value["data"]]}
    return value
