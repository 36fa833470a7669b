"""The account at the stand-in: objects by kind, events, and what is told about a change."""

import copy
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, get_args

import msgspec
import stripe
from stripe._object_classes import get_object_class

from apps.billing.fake import refusals
from apps.billing.fake.params import Form

Object = dict[str, Any]
Handler = Callable[..., Object]
Routes = dict[str, tuple[Handler, type]]

_LETTERS = string.ascii_letters + string.digits
LINES_SHOWN = 10  # as Stripe does: further lines of an invoice are a list of their own

# What Stripe leaves out of an object unless it is asked to expand it.
HIDDEN = {
    "checkout.session": {"line_items"},
    "invoice": {"payments", "confirmation_secret"},
    "customer": {"subscriptions", "tax_ids", "tax"},
    "charge": {"refunds"},
}


@dataclass(frozen=True)
class Rules:
    """How the account is set up: what an owner of a Stripe account chooses in its settings.

    `retry_days`: when a failed payment is tried again, in days after the first attempt.
    `after_retries`: what becomes of the subscription then: `cancel`, `unpaid` or `past_due`.
    `draft_seconds`: how long a renewal's invoice stays a draft, so that late usage still gets on it.
    `tax_percent`: the rate of each country, in percent.
    """

    retry_days: tuple[int, ...] = (1, 3, 5, 7)
    after_retries: str = "cancel"
    draft_seconds: int = 3600
    minimum_charge: int = 50
    tax_percent: dict[str, int] = field(
        default_factory=lambda: {
            "AT": 20,
            "BE": 21,
            "CH": 8,
            "DE": 19,
            "DK": 25,
            "ES": 21,
            "FI": 25,
            "FR": 20,
            "GB": 20,
            "IE": 23,
            "IT": 22,
            "NL": 21,
            "PL": 23,
            "PT": 23,
            "SE": 25,
            "IN": 18,
            "AU": 10,
            "JP": 10,
        }
    )


class State:
    """One call's view of the account: `now` is the account's time, in whole seconds."""

    def __init__(
        self,
        document: dict[str, Any],
        *,
        now: int,
        random: Random,
        pages: str,
        rules: Rules,
        key: str | None = None,
    ) -> None:
        self.document = document
        self.now = now
        self.random = random
        self.pages = pages
        self.rules = rules
        self.request_id = self.new_id("req")
        self.idempotency_key = key
        self.discarded = False  # a preview looks at a state that never comes to be
        self.content = b""  # the document as it was stored last
        self.lent = False  # somebody may hold parts of it for longer

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{''.join(self.random.choices(_LETTERS, k=length))}"

    # Objects.

    def kind(self, kind: str) -> dict[str, Object]:
        objects: dict[str, dict[str, Object]] = self.document["objects"]
        return objects.setdefault(kind, {})

    def all(self, kind: str) -> list[Object]:
        return list(self.kind(kind).values())

    def add(self, kind: str, prefix: str, **fields: Any) -> Object:
        id = fields.pop("id", None) or self.new_id(prefix)
        made: Object = {"id": id, "object": kind, "created": self.now, "livemode": False, **fields}
        self.kind(kind)[made["id"]] = made
        return made

    def get(self, kind: str, id: str, param: str = "id") -> Object:
        """Raises Refusal (404) where there is none."""
        if (found := self.kind(kind).get(id)) is None:
            raise refusals.missing(kind, id, param)
        return found

    def maybe(self, kind: str, id: str | None, param: str = "id") -> Object | None:
        return self.get(kind, id, param) if id else None

    def remove(self, thing: Object) -> None:
        self.kind(thing["object"]).pop(thing["id"])

    def anywhere(self, id: str) -> Object | None:
        objects: dict[str, dict[str, Object]] = self.document["objects"]
        return next((kind[id] for kind in objects.values() if id in kind), None)

    # Events.

    def emit(self, type: str, thing: Object, previous: Object | None = None) -> None:
        data: Object = {"object": present(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": stripe.api_version,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type,
        }
        self._publish(event)

    def emit_thin(self, type: str, related: Object, data: Object) -> None:
        """An event of the second API: it names its object instead of carrying it."""
        self._publish(
            {
                "id": self.new_id("evt"),
                "object": "v2.core.event",
                "type": type,
                "created": rfc3339(self.now),
                "livemode": False,
                "related_object": {
                    "id": related["id"],
                    "type": related["object"],
                    "url": f"/v1/billing/meters/{related['id']}",
                },
                "data": data,
            }
        )

    def _publish(self, event: Object) -> None:
        body = msgspec.json.encode(event).decode()
        self.document["events"][event["id"]] = {"type": event["type"], "created": self.now, "body": body}
        self.document["outbox"].append({"id": event["id"], "attempts": 0, "at": 0.0})

    @contextmanager
    def changing(self, thing: Object, type: str | None = None) -> Iterator[None]:
        """Tells of the change of an object, with what it was before, when there is one."""
        before = copy.deepcopy(present(thing))
        yield
        after = present(thing)
        previous = {name: before.get(name) for name in after if before.get(name) != after[name]}
        if previous:
            self.emit(type or f"{thing['object']}.updated", thing, previous)


def rfc3339(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


# A payment method has a field for its own type only, of the SDK's fifty.
_SPARSE = {"payment_method"}


@cache
def _nulls(kind: str) -> Object:
    """What the SDK's class says may be null: Stripe sends it as null, so code that reads it works."""
    shape = get_object_class("V1", kind)
    if kind in _SPARSE or not hasattr(shape, "OBJECT_NAME"):
        return {}
    hidden = {"deleted", *HIDDEN.get(kind, ())}
    return {
        name: None
        for name, hint in shape.__annotations__.items()
        if type(None) in get_args(hint) and name not in hidden
    }


def present(thing: Object) -> Object:
    """An object as Stripe shows it: without what only the stand-in knows, and with null for what it has not."""
    kind = thing.get("object", "")
    hidden = HIDDEN.get(kind, set())
    own = {name: value for name, value in thing.items() if name[0] != "_" and name not in hidden}
    shown = {**_nulls(kind), **own}
    for name in ("items", "lines"):
        if isinstance(shown.get(name), dict):
            data = [present(each) for each in shown[name]["data"]]
            more = name == "lines" and len(data) > LINES_SHOWN
            shown[name] = {**shown[name], "data": data[:LINES_SHOWN] if more else data, "has_more": more}
    return shown


def a_list(url: str, data: list[Object]) -> Object:
    return {"object": "list", "data": data, "has_more": False, "url": url}


def set_metadata(thing: Object, form: Form) -> None:
    """An empty value takes a key away, an empty `metadata` all of them."""
    if form.value("metadata") == "":
        thing["metadata"] = {}
    merged = {**thing.get("metadata", {}), **form.mapping("metadata")}
    thing["metadata"] = {name: value for name, value in merged.items() if value != ""}


def set_texts(thing: Object, form: Form, *names: str) -> None:
    """What is given is set; an empty text clears."""
    for name in names:
        if name in form:
            thing[name] = form.text(name) or None
