"""A server that speaks OpenAI's HTTP API."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`base_url` is what paths are appended to, usually ending in `/v1`. ValueError if it is none."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)

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
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def redact(self, text: str) -> str:
        """`text`, which comes from the server, without the key."""
        return text.replace(self.api_key, "***") if self.api_key else text
