"""Images as messages carry them: data URIs (RFC 2397), or addresses."""

import base64
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from antiphon.providers.base.errors import ProviderError


class InlineImage(NamedTuple):
    media_type: str  # such as image/png
    base64: str


def data_of(image: str) -> InlineImage | None:
    """None for an image that is elsewhere, at an address. Raises ProviderError for a data URI that is none."""
    if image[:5].lower() != "data:":
        return None
    head, comma, data = image[5:].partition(",")
    media_type, *parameters = head.lower().split(";")
    if not comma or not media_type.startswith("image/"):
        raise ProviderError("invalid", "An image is no data URI: send it as data:image/png;base64,... .")
    if "base64" not in parameters:
        return InlineImage(media_type, base64.b64encode(unquote_to_bytes(data)).decode())
    return InlineImage(media_type, data)
