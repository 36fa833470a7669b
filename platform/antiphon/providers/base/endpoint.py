"""Where a provider is reached, and with which credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from urllib.parse import urlencode, urlsplit

PIECE = 8  # characters of a key that are too many to be shown

Parameter = str | int | float | bool | list[str]
Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """The header in which a provider wants its key, and what stands before the key in it."""

    name: str = "Authorization"
    prefix: str = "Bearer "


BEARER = KeyHeader()
TOKEN = KeyHeader(prefix="Token ")
BASIC = KeyHeader(prefix="Basic ")
BARE = KeyHeader(prefix="")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`base_url` is what paths are appended to, usually ending in `/v1`. ValueError if it is none.

    `headers` go with every request. `filtered`: a tenant chose the address, so it is reached only if the operator's
    policy about outbound connections allows it.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    key_header: KeyHeader = BEARER
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    filtered: bool = False

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.base_url)
            valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(f"{self.base_url!r} is no base URL: give one such as https://host/v1.")

    @property
    def host(self) -> str:
        """How error messages name the server."""
        return urlsplit(self.base_url).hostname or self.base_url

    @property
    def headers(self) -> dict[str, str]:
        headers = dict(self.extra_headers)
        if self.api_key:
            headers[self.key_header.name] = self.key_header.prefix + self.api_key
        return headers

    def url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def socket_url(self, path: str, parameters: Parameters | None = None) -> str:
        """For a WebSocket. A parameter that is a list is repeated; True and False are written as JSON has them."""
        url = self.url(path).replace("http", "ws", 1)
        if not parameters:
            return url
        words = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in parameters.items()
        }
        return f"{url}?{urlencode(words, doseq=True)}"

    def redact(self, text: str) -> str:
        """`text`, which comes from the server, without the key or a longer piece of it."""
        return _without(self.api_key, text) if self.api_key else text


def _without(secret: str, text: str) -> str:
    """`text` with *** for each piece of PIECE or more characters of the secret, as servers quote half of a key."""
    size = min(PIECE, len(secret))
    pieces = {secret[start : start + size] for start in range(len(secret) - size + 1)}
    hidden = [False] * len(text)
    for piece in pieces:
        at = text.find(piece)
        while at >= 0:
            hidden[at : at + size] = [True] * size
            at = text.find(piece, at + 1)
    runs = groupby(zip(text, hidden, strict=True), key=lambda character: character[1])
    return "".join("***" if is_hidden else "".join(c for c, _ in run) for is_hidden, run in runs)
