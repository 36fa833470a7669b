"""How numbers and values of agents are shown."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def dollars(micro: int) -> str:
    """Micro-dollars; below a dollar to a tenth of a cent."""
    amount = micro / 1_000_000
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.3f}"


@register.filter
def seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms} ms"


@register.filter
def share(weight: int | None, total: int) -> str:
    """A weight as a part of all."""
    return f"{100 * weight / total:.0f} %" if weight and total else "0 %"


@register.filter
def value(of: Any) -> str:
    """What a spec holds, in words."""
    match of:
        case None | "" | []:
            return "nothing"
        case bool():
            return "yes" if of else "no"
        case list():
            return ", ".join(map(str, of))
    return str(of)
