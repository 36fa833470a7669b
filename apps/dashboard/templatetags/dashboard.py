"""What the components in `templates/cotton/` compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django import forms, template
from django.forms import BoundField
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince, timeuntil
from lucide.templatetags.lucide import lucide

register = template.Library()

_CLASSES: dict[type[forms.Widget], str] = {
    forms.CheckboxInput: "checkbox checkbox-primary checkbox-sm",
    forms.RadioSelect: "",  # several controls: the style sheet has their look
    forms.Select: "select",
    forms.Textarea: "textarea",
    forms.ClearableFileInput: "file-input",
    forms.widgets.Input: "input",
}


@register.simple_tag
def widget(field: BoundField, extra: str = "") -> SafeString:
    """The field's control in the look of the design. Django itself links it to its help and its errors."""
    kind = field.field.widget
    look = next((look for widget, look in _CLASSES.items() if isinstance(kind, widget)), "")
    wrong = f"{look.split(' ')[0]}-error" if look and field.errors else ""
    classes = " ".join(filter(None, (kind.attrs.get("class", ""), look, wrong, extra)))
    return field.as_widget(attrs={"class": classes})


@register.simple_tag
@lru_cache(maxsize=1024)
def drawn(name: str, size: str, classes: str) -> SafeString:
    """The icon of that name at lucide.dev: an SVG, which the library would put together anew each time."""
    return mark_safe(lucide(name, size=int(size), **{"class": classes}, aria_hidden="true"))


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def ago(moment: datetime) -> str:
    """`3 minutes ago`, `in 2 days`."""
    now = timezone.now()
    if abs((now - moment).total_seconds()) < 60:
        return "just now"
    if moment > now:
        return f"in {timeuntil(moment, now, depth=1)}"
    return f"{timesince(moment, now, depth=1)} ago"


@register.filter
def initials(name: str) -> str:
    """Two letters at most: of the first and the last word, or of an e-mail's name."""
    words = name.split("@")[0].replace(".", " ").replace("-", " ").split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    height: float
    width: float


@register.filter
def spark_points(values: Sequence[float]) -> str:
    """The points of a polyline in a box of 100 by 28, zero at the bottom."""
    if len(values) < 2:
        return ""
    top = max(*values, 0) or 1
    step = 100 / (len(values) - 1)
    return " ".join(f"{n * step:.1f},{27 - 26 * max(value, 0) / top:.1f}" for n, value in enumerate(values))


@register.filter
def bars(values: Sequence[float]) -> list[Bar]:
    """Bars in a box of 100 by 28; what is not zero can be seen."""
    top = max(values, default=0)
    step = 100 / max(len(values), 1)
    heights = [max(28 * value / top, 1) if value > 0 else 0 for value in values]
    return [
        Bar(round(n * step, 2), round(28 - height, 2), round(height, 2), round(step * 0.7, 2))
        for n, height in enumerate(heights)
    ]
