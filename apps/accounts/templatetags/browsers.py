from django import template

# In an order in which the first that fits is right: most browsers name others too.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrom": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}

register = template.Library()


@register.filter
def browser(user_agent: str) -> str:
    """`Firefox on Windows`; what is not known, as it calls itself."""
    name = next((name for mark, name in _BROWSERS.items() if mark in user_agent), None)
    system = next((system for mark, system in _SYSTEMS.items() if mark in user_agent), None)
    if name is None:
        return user_agent[:60] or "Unknown"
    return f"{name} on {system}" if system else name
