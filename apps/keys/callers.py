"""Who holds a key: from where it comes, and to whose endpoint. And what a key demands of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from apps.audit.acting import client_address, forwarded_address

ENDPOINT = "antiphon.endpoint"  # in an ASGI scope: the tenant whose endpoint was addressed, by its slug
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Caller:
    """What is None is not known; a browser tells the origin of its page, and nobody else does."""

    address: str | None = None
    origin: str | None = None
    endpoint: str | None = None

    @classmethod
    def of_request(cls, request: HttpRequest) -> "Caller":
        endpoint = getattr(request, "scope", {}).get(ENDPOINT)
        return cls(client_address(request), request.headers.get("origin"), endpoint)

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any], headers: Mapping[str, str]) -> "Caller":
        """Of an ASGI scope, whose headers are given by their lower-case names."""
        peer = scope.get("client")
        address = forwarded_address(headers.get("x-forwarded-for", ""), peer[0] if peer else None)
        return cls(address, headers.get("origin"), scope.get(ENDPOINT))

    def is_within(self, networks: Iterable[str]) -> bool:
        """Whether the address is in one of them."""
        try:
            address = ip_address(self.address or "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in ip_network(network) for network in networks)

    def is_page_of(self, origins: Iterable[str]) -> bool:
        """Whether it is a page of one of the origins, or no page at all."""
        return self.origin is None or self.origin.lower() in origins


def networks_of(given: Iterable[str], *, field: str) -> list[str]:
    """Addresses and CIDR networks in their usual spelling. Raises ValidationError for the field."""
    networks = []
    for text in given:
        try:
            networks.append(str(ip_network(text.strip(), strict=False)))
        except ValueError:
            raise ValidationError(
                {field: f"{text!r} is no address: write 203.0.113.7, or a network like 203.0.113.0/24."}
            ) from None
    return sorted(set(networks))


def origins_of(given: Iterable[str], *, field: str) -> list[str]:
    """Origins as browsers send them. Raises ValidationError for the field."""
    return sorted({_origin(text.strip(), field) for text in given})


def _origin(text: str, field: str) -> str:
    try:
        parts = urlsplit(text.lower())
        port, host = parts.port, parts.hostname
    except ValueError:
        host = port = None
    if not host or parts.scheme not in _DEFAULT_PORTS or parts.path.strip("/") or parts.query or "@" in text:
        raise ValidationError(
            {field: f"{text!r} is no origin: write scheme and host, like https://app.example.com."}
        )
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")
