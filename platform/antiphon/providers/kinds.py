"""What a model is, by its name alone."""

from antiphon.providers.base.provider import Kind
from antiphon.providers.catalogue import loader as catalogue
from antiphon.providers.vendors import VENDORS


def kind_of_model(name: str) -> Kind | None:
    """Of `provider/model`, from what is known of its vendor and from the catalogue; None if nothing is."""
    slug, _, model = name.partition("/")
    if slug in VENDORS and VENDORS[slug].service("realtime", model):
        return "realtime"
    entry = catalogue.find(name)
    return None if entry is None else entry.kind
