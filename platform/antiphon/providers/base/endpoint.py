"""Where a provider is reached, and with which credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

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
        """`text`, which comes from the server, without the key."""
        return text.replace(self.api_key, "***") if self.api_key else text
