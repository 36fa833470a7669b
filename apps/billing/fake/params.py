"""The parameters of a call: decoded from the wire, checked against the SDK's own TypedDicts, and read by name.

A parameter that nobody reads is refused: the stand-in never ignores what would change what Stripe does.
"""

import re
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from stripe._request_options import RequestOptions

from apps.billing.fake import refusals

_OPTIONS = frozenset(RequestOptions.__annotations__)  # not sent, though the TypedDicts have them
_PART = re.compile(r"[^\[\]]+")


class Form:
    """Checked parameters below one name, which remember what was read."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path
        self._unread = set(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def name(self, name: str) -> str:
        return f"{self._path}[{name}]" if self._path else name

    def value(self, name: str, default: Any = None) -> Any:
        self._unread.discard(name)
        return self._values.get(name, default)

    def text(self, name: str) -> str | None:
        found = self.value(name)
        return None if found is None else str(found)

    def integer(self, name: str) -> int | None:
        found = self.value(name)
        return None if found is None else int(found)

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.value(name, default))

    def need(self, name: str) -> Any:
        """Raises Refusal where the parameter is missing."""
        if (found := self.value(name)) in (None, ""):
            raise refusals.parameter_missing(self.name(name))
        return found

    def group(self, name: str) -> "Form | None":
        found = self.value(name)
        return found if isinstance(found, Form) else None

    def groups(self, name: str) -> "list[Form]":
        found = self.value(name)
        return [each for each in found if isinstance(each, Form)] if isinstance(found, list) else []

    def mapping(self, name: str) -> dict[str, str]:
        found = self.value(name)
        return found if isinstance(found, dict) else {}

    def accept(self, *names: str) -> None:
        """These change nothing here: how a page looks, or what the stand-in does anyway."""
        for name in names:
            for each in (self.value(name), *self.groups(name)):
                if isinstance(each, Form):
                    each.plain()

    def plain(self) -> dict[str, Any]:
        """All of it as it came, for what is kept and given back unchanged."""
        self._unread.clear()
        return {name: _plain(value) for name, value in self._values.items()}

    def unread(self) -> Iterator[str]:
        for name, value in self._values.items():
            if name in self._unread:
                yield self.name(name)
                continue
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, Form):
                    yield from each.unread()


def _plain(value: Any) -> Any:
    if isinstance(value, Form):
        return value.plain()
    return [_plain(each) for each in value] if isinstance(value, list) else value


def decode_form(encoded: str) -> dict[str, Any]:
    """`items[0][price]=x` as nested dictionaries; lists stay dictionaries of numbers until they are checked."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        at, parts = root, _PART.findall(name)
        for part in parts[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise refusals.parameter_invalid(name, "it is given as a value and as an object")
        at[parts[-1]] = value
    return root


def checked(values: dict[str, Any], shape: type) -> Form:
    """Raises Refusal for a parameter that is unknown, missing or of another type than in `shape`."""
    return _object(values, shape, "")


@cache
def _hints(shape: type) -> dict[str, Any]:
    """The SDK imports some names for type checkers only; none of them is ever sent."""
    hints = get_type_hints(shape, localns={"StripeContext": object, "Mapping": Mapping}, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in _OPTIONS}


@cache
def required_names(shape: type) -> frozenset[str]:
    return frozenset(
        name
        for name, hint in _hints(shape).items()
        if get_origin(hint) is not NotRequired
        and (name in shape.__required_keys__ or get_origin(hint) is Required)  # type: ignore[attr-defined]
    )


def _is_object(hint: Any) -> bool:
    """Whether it is a TypedDict, of `typing` or of `typing_extensions`."""
    return hasattr(hint, "__required_keys__")


def _object(values: dict[str, Any], shape: type, path: str) -> Form:
    hints, form = _hints(shape), Form({}, path)
    for name in values:
        if name not in hints:
            raise refusals.parameter_unknown(form.name(name))
    for name in sorted(required_names(shape)):
        if name not in values:
            raise refusals.parameter_missing(form.name(name))
    return Form(
        {name: _value(value, hints[name], form.name(name)) for name, value in values.items()},
        path,
    )


def _value(value: Any, hint: Any, path: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (NotRequired, Required):
        return _value(value, args[0], path)
    if origin in (Union, types.UnionType):
        return _either(value, args, path)
    if origin is Literal:
        if value not in args:
            raise refusals.parameter_invalid(path, f"must be one of {', '.join(map(str, args))}")
        return value
    if origin is list:
        return _list(value, args[0], path)
    if origin is dict:
        if not isinstance(value, dict):
            raise refusals.parameter_invalid(path, "an object is needed")
        return {str(name): each for name, each in value.items()}
    if _is_object(hint):
        if not isinstance(value, dict):
            raise refusals.parameter_invalid(path, "an object is needed")
        return _object(value, hint, path)
    return _scalar(value, hint, path)


def _either(value: Any, options: tuple[Any, ...], path: str) -> Any:
    """The first option that fits; a refusal tells of the one that came closest, the last."""
    refusal = refusals.parameter_invalid(path, "no value like this is allowed")
    # The SDK leaves its enumerations open (`Literal[...] | str`), Stripe's API does not.
    words = [option for option in options if get_origin(option) is Literal]
    if str in options and any(get_args(word) != ("",) for word in words):
        options = tuple(option for option in options if option is not str)
    for option in options:
        if option is type(None) or "UntypedStripeObject" in str(option):
            continue
        if isinstance(value, dict) is not (_is_object(option) or get_origin(option) in (dict, list)) and not (
            isinstance(value, list) and get_origin(option) is list
        ):
            continue
        try:
            return _value(value, option, path)
        except refusals.Refusal as error:
            refusal = error
    raise refusal


def _list(value: Any, hint: Any, path: str) -> list[Any]:
    if isinstance(value, dict) and all(key.isdigit() for key in value):
        value = [value[key] for key in sorted(value, key=int)]
    if value == "":
        return []
    if not isinstance(value, list):
        raise refusals.parameter_invalid(path, "a list is needed")
    return [_value(each, hint, f"{path}[{number}]") for number, each in enumerate(value)]


def _scalar(value: Any, hint: Any, path: str) -> Any:
    if isinstance(value, (dict, list)):
        raise refusals.parameter_invalid(path, "a single value is needed")
    if hint is bool:
        if value not in ("true", "false", True, False):
            raise refusals.parameter_invalid(path, f"must be true or false, not '{value}'")
        return value in ("true", True)
    if hint is int:
        if not re.fullmatch(r"-?\d+", str(value)):
            raise refusals.parameter_invalid(path, f"must be an integer, not '{value}'")
        return int(value)
    if hint is float:
        return float(value)
    return str(value)
