"""Which addresses tenants may make us connect to. Pure: no name is resolved and no socket opened here.

Everything that is not plainly the public internet is refused: `ipaddress.is_global` alone lets multicast, 6to4,
site-local and reserved networks pass.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from yarl import URL

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that is routed of IPv6 (RFC 4291, section 2.4)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # holds an IPv4 address (RFC 6052)
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's host, which answers every virtual machine
        "192.0.0.0/24",  # protocol assignments, among them Oracle's metadata service
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # protocol assignments, among them Teredo
        "2002::/16",  # 6to4 (RFC 7526 has given it up)
        "3fff::/20",  # documentation
    )
)
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.I)  # a last label that makes a host an IPv4 address
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.I)
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.I)  # a token (RFC 9110, section 5.6.2)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS = frozenset({"connection", "content-length", "host", "te", "transfer-encoding", "upgrade"})
MAX_URL = 2048


class OutboundError(Exception):
    """A request did not get its answer. The message names the host and what to do, and holds no credentials."""


class OutboundRefused(OutboundError):
    """The address may not be reached; nothing was sent."""


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """The public internet over https, and whatever the operator adds to it.

    `hosts` are names that may have any address, `networks` addresses that may be reached under any name. Hosts that
    are allowed in one way or the other may also be spoken to in plain http: by name, or as an address in the URL.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def allowing(cls, words: Iterable[str]) -> "OutboundPolicy":
        """From the host names, addresses and CIDR networks of OUTBOUND_ALLOW. Raises ValueError."""
        hosts: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for word in words:
            try:
                networks.append(ipaddress.ip_network(word.strip("[]")))
            except ValueError:
                if not _NAME.fullmatch(word) or _looks_numeric(word):
                    raise ValueError(
                        f"{word!r} is no host: name a host such as tools.example.internal, an address such as "
                        "10.1.2.3, or a network such as 10.0.0.0/8."
                    ) from None
                hosts.add(word.lower())
        return cls(frozenset(hosts), tuple(networks))

    def check_url(self, url: str) -> URL:
        """The URL, parsed by the library that will connect to it. Raises OutboundRefused.

        An address that stands in the URL itself is checked here, a name once it is resolved.
        """
        parsed = _parse(url)
        host = _host(parsed)
        if parsed.scheme not in ("http", "https"):
            raise OutboundRefused(f"The address of {host} must start with https://.")
        if parsed.raw_user is not None or parsed.raw_password is not None:
            raise OutboundRefused(
                f"The address of {host} must not contain a name or password: send them in a header."
            )
        literal = _literal(host)
        if literal is not None:
            self._check_address(host, literal)
        elif _looks_numeric(host):
            raise OutboundRefused(f"{host} is no address: write it as four numbers from 0 to 255.")
        elif not _NAME.fullmatch(host):
            raise OutboundRefused(f"{host} is no name of a host: use letters, digits, hyphens and dots.")
        if parsed.scheme == "http" and not self._is_allowed(host, literal):
            raise OutboundRefused(
                f"{host} may only be reached over https. The operator can allow plain http to it "
                "by naming it in OUTBOUND_ALLOW."
            )
        return parsed

    def check_addresses(self, host: str, addresses: Iterable[str]) -> None:
        """All that a name resolved to. One address that may not be reached refuses them all: a name that is
        half inside our network is up to no good. Raises OutboundRefused."""
        host = _normal(host)
        if host in self.hosts:
            return
        for address in addresses:
            literal = _literal(address)
            if literal is None:
                raise OutboundRefused(f"{host} resolves to {address}, which is no public address.")
            self._check_address(host, literal)

    def _is_allowed(self, host: str, address: IPv4Address | IPv6Address | None) -> bool:
        return host in self.hosts or (address is not None and self._is_in_networks(address))

    def _is_in_networks(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)

    def _check_address(self, host: str, address: IPv4Address | IPv6Address) -> None:
        if host in self.hosts or self._is_in_networks(address) or is_public(address):
            return
        raise OutboundRefused(
            f"{host} is not on the public internet. The operator can allow it by naming it in OUTBOUND_ALLOW."
        )


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, if they are what they seem: none that hides a second one, or changes where the request ends.

    Raises OutboundRefused, which names the header and not its value.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise OutboundRefused(f"{name!r} is no name of a header: use letters, digits and hyphens.")
        if name.lower() in _OURS:
            raise OutboundRefused(f"The header {name!r} can't be set: the connection needs its own.")
        if not _HEADER_VALUE.fullmatch(value):
            raise OutboundRefused(f"The value of the header {name!r} must be one line of Latin-1 text.")
    return headers


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is an address of the public internet; an IPv4 address inside an IPv6 one decides for it."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _TRANSLATED:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in n for n in _REFUSED)


def _parse(url: str) -> URL:
    if len(url) > MAX_URL:
        raise OutboundRefused(f"An address can have at most {MAX_URL} characters.")
    if _UNSAFE.search(url):
        raise OutboundRefused("An address can't contain spaces, backslashes or characters outside ASCII.")
    try:
        parsed = URL(url)
        port = parsed.port
    except ValueError:
        raise OutboundRefused(
            "The address is not a URL: give one such as https://tools.example.com/mcp."
        ) from None
    if not parsed.absolute or not parsed.raw_host:
        raise OutboundRefused("The address names no host: give one such as https://tools.example.com/mcp.")
    if port == 0:
        raise OutboundRefused(f"{parsed.raw_host} can't be reached at port 0.")
    return parsed


def _host(url: URL) -> str:
    return _normal(url.raw_host or "")


def _normal(host: str) -> str:
    return host.lower().rstrip(".")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looks_numeric(host: str) -> bool:
    """Whether some resolver would read the name as an IPv4 address, as 127.1, 0x7f000001 or 2130706433."""
    return _NUMERIC.fullmatch(host.rsplit(".", 1)[-1]) is not None
