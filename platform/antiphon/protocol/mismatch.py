"""JSON that does not fit its Struct, as the refusal that the protocol has for it."""

import re

from antiphon.protocol import errors
from antiphon.protocol.errors import Refused

_PATH = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<field>[^`]+)`")


def explain_mismatch(text: str, within: str = "") -> Refused:
    """The refusal of JSON that does not fit its Struct; `text` is that of msgspec's ValidationError, `within` the
    path to what was checked."""
    match = _PATH.match(text)
    problem, path = (match["problem"], match["path"] or "") if match else (text, "")
    path = f"{within}{path}".lstrip(".")
    if missing := _MISSING.search(problem):
        param = f"{path}.{missing['field']}" if path else missing["field"]
        return errors.missing_parameter(param)
    message = f"Invalid value for '{path}': {problem[:1].lower()}{problem[1:]}." if path else f"{problem}."
    if problem.startswith("Expected") and ", got " in problem:
        return errors.invalid_request(
            "invalid_type", f"Invalid type for '{path}': {problem[:1].lower()}{problem[1:]}.", path or None
        )
    return errors.invalid_value(message, path or None)
