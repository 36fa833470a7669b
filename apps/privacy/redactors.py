"""The redactor that the platform uses, by the setting REDACTOR."""

from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from antiphon.redaction import Redactor


def redactor() -> Redactor:
    """Raises ImproperlyConfigured if REDACTOR names none."""
    return _redactor(settings.REDACTOR)


@cache
def _redactor(path: str) -> Redactor:
    try:
        found: Redactor = import_string(path)()
        usable = callable(found.find) and bool(found.kinds)
    except (ImportError, TypeError, AttributeError) as error:
        raise ImproperlyConfigured(_sentence(path, str(error))) from None
    if not usable:
        raise ImproperlyConfigured(_sentence(path, "it finds no kinds of personal data"))
    return found


def _sentence(path: str, why: str) -> str:
    return (
        f"REDACTOR must be the dotted path of a class with `kinds` and `find`, as antiphon.redaction.Patterns has "
        f"them, but is {path!r}: {why}."
    )
