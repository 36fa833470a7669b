"""Providers as rows of data: what each does, in which dialect, where, and with whose key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from antiphon.providers.base.endpoint import BEARER, Endpoint, KeyHeader
from antiphon.providers.base.llm import LlmCapabilities

Kind = Literal["language", "speech_to_text", "text_to_speech", "realtime"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Service:
    """One thing that a provider does. `kind` and `dialect` together say which adapter speaks to it.

    `quirks` are the adapter's keyword arguments by which this provider differs from others of its dialect.
    """

    kind: Kind
    dialect: str
    base_url: str = ""  # empty: who brings the key says where
    key_header: KeyHeader = BEARER
    headers: Mapping[str, str] = field(default_factory=dict)
    quirks: Mapping[str, Any] = field(default_factory=dict)
    takes: re.Pattern[str] | None = None
    """What its models are called, where a provider has several services that answer; None: anything."""
    capabilities: LlmCapabilities = field(default_factory=LlmCapabilities)
    """Of a model of which nothing else is known."""
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those that clients are told of, and the voices of each, its default first. Others are passed on: the
    provider knows them best."""


@dataclass(frozen=True, slots=True)
class Provider:
    """`slug` is the part of a model's name before the first slash.

    `api_key` is whoever's key it is used with; `key_setting` names the variable by which the operator offers one to
    all tenants, and None means that none is needed. `address_setting` does the same for the address, where every
    customer has one of their own. `filtered`: a tenant chose the address. `unreadable`: a tenant's key is kept for
    it, but can't be decrypted.
    """

    slug: str
    title: str
    services: Sequence[Service]
    api_key: str | None = field(default=None, repr=False)
    key_setting: str | None = None
    address_setting: str | None = None
    filtered: bool = False
    unreadable: bool = False
    check: str | None = None
    """What a cheap GET with the key is sent to, to see whether the key is right: a path under the first service's
    base URL, or a whole URL. None: there is nothing that only a right key may get."""

    def __post_init__(self) -> None:
        """Raises ValueError for a base URL that is none."""
        for service in self.services:
            if service.base_url:
                self.endpoint(service)

    def service(self, kind: Kind, model: str) -> Service | None:
        """The service of this kind that has the model. What answers by speech alone has no language model."""
        if kind == "language" and self.service("realtime", model):
            return None
        found = (s for s in self.services if s.kind == kind and (s.takes is None or s.takes.fullmatch(model)))
        return next(found, None)

    def endpoint(self, service: Service) -> Endpoint:
        return Endpoint(
            service.base_url,
            self.api_key,
            key_header=service.key_header,
            extra_headers=service.headers,
            filtered=self.filtered,
        )

    @property
    def check_endpoint(self) -> Endpoint | None:
        """Where a GET of the empty path tells whether the key is right."""
        if self.check is None:
            return None
        first = self.services[0]
        url = self.check if "://" in self.check else first.base_url.rstrip("/") + self.check
        return replace(self.endpoint(first), base_url=url)

    def at(self, base_url: str, *, filtered: bool) -> "Provider":
        """With the address of one customer. Raises ValueError if it is none."""
        services = [s if s.base_url else replace(s, base_url=base_url) for s in self.services]
        return replace(self, services=services, filtered=filtered)

    @property
    def obstacle(self) -> str | None:
        """What must be done before it can be used; None: nothing."""
        if self.unreadable:
            return f"The key kept for {self.slug} can't be decrypted: enter it again under Providers."
        if self.key_setting is None or (self.api_key and all(s.base_url for s in self.services)):
            return None
        settings = " and ".join(filter(None, (self.address_setting, self.key_setting)))
        return f"Add a key for {self.slug} under Providers, or set {settings}."
