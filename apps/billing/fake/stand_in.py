"""`FakeStripe`: what the SDK talks to instead of the network.

client = stripe.StripeClient("sk_fake", http_client=FakeStripe())
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any
from urllib.parse import urlsplit

import msgspec
import stripe

from apps.billing.fake import cards, checkout, clock, failures, idempotency, meters, payments, setups
from apps.billing.fake.listing import expanded
from apps.billing.fake.params import checked, decode_form
from apps.billing.fake.refusals import Refusal, parameter_unsupported
from apps.billing.fake.routes import find_route
from apps.billing.fake.state import Object, Rules, State, present
from apps.billing.fake.store import MemoryStore, Store
from apps.billing.fake.webhooks import Deliver, Hook

Answer = tuple[str, int, Mapping[str, str]]


class FakeStripe(stripe.HTTPClient):
    """A Stripe account with state, a clock that can be advanced, and webhooks. Safe for several threads.

    `deliver(body, signature)` gets each event right after the call that caused it, outside the store's lock;
    without it they wait in the outbox. `now` is the real time, to which what was advanced is added. `pages` begins
    the addresses of Checkout and the portal.
    """

    name = "fake"

    def __init__(
        self,
        *,
        store: Store | None = None,
        now: Callable[[], float] = time.time,
        deliver: Deliver | None = None,
        pages: str = "http://localhost:8000",
        random: Random | None = None,
        rules: Rules | None = None,
    ) -> None:
        super().__init__()
        self._store = store or MemoryStore()
        self._now = now
        self._pages = pages.rstrip("/")
        self._random = random or SystemRandom()
        self._rules = rules or Rules()
        self._script = failures.Script()
        self._hook = Hook(deliver, self._random)
        self._decoded: tuple[bytes, dict[str, Any]] | None = None

    # What the SDK calls.

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> Answer:
        call = Call(method, urlsplit(url).path, post_data or urlsplit(url).query, headers or {})
        scripted = self._script.take(method, call.path)
        answer = None if scripted and not scripted.after else self._answer(call)
        if answer is None or scripted:
            failure = failures.failure(scripted.kind if scripted else "server_error")
            if not isinstance(failure, Refusal):
                raise failure
            return _told(failure, {})
        return answer

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body, status, answered = self.request(method, url, headers, post_data)
        return body.encode(), status, answered

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0  # nothing is gained by waiting for what is not there

    async def sleep_async(self, secs: float) -> None:
        return None

    def close(self) -> None:
        return None

    async def close_async(self) -> None:
        return None

    def _answer(self, call: "Call") -> Answer:
        key = call.headers.get("Idempotency-Key") if call.method != "get" else None
        print = idempotency.fingerprint(call.method, call.path, call.parameters)
        headers: dict[str, str] = {}
        try:
            with self._alone(key=key, reads=call.method == "get") as state:
                headers = {
                    "Request-Id": state.request_id,
                    "Stripe-Version": call.headers.get("Stripe-Version", ""),
                }
                if key and (known := idempotency.replayed(state, key, print)):
                    return *known, {**headers, "idempotent-replayed": "true"}
                try:
                    content, status = _encoded(_handled(state, call)), 200
                except Refusal as refusal:
                    if not refusal.keeps:
                        raise
                    content, status = _encoded(refusal.body), refusal.status
                if key:
                    idempotency.remember(state, key, print, content, status)
                return content, status, headers
        except Refusal as refusal:
            if key and not refusal.checked:
                with self.account() as state:
                    idempotency.remember(state, key, print, _encoded(refusal.body), refusal.status)
            return _told(refusal, headers)

    # The account, for whoever acts in it: the calls, the clock, the pages.

    @contextmanager
    def account(self, *, reads: bool = False) -> Iterator[State]:
        """The account as it is now, alone with it. What is done is kept, or undone when a Refusal is raised.

        What was looked at may be held longer than the account, so nobody else gets the same objects.
        """
        with self._alone(reads=reads) as state:
            try:
                yield state
            finally:
                state.lent = True

    @contextmanager
    def _alone(self, *, key: str | None = None, reads: bool = False) -> Iterator[State]:
        bodies: list[str] = []
        secret = ""
        try:
            with self._store.locked():
                state = self._load(key)
                secret = state.document["secret"]
                if clock.run_until(state, state.now):
                    self._save(state, bodies)
                try:
                    yield state
                except Refusal as refusal:
                    if refusal.keeps:
                        self._save(state, bodies)
                    raise
                if not (reads or state.discarded):
                    self._save(state, bodies)
                if not (state.lent or state.discarded):
                    self._decoded = state.content, state.document
        finally:
            if bodies:
                self._hook.offer(bodies, secret)

    def _load(self, key: str | None) -> State:
        if not (content := self._store.read()):
            content = msgspec.json.encode(self._new_document())
            self._store.write(content)
        known, self._decoded = self._decoded, None  # only a call that ends well gives it back
        document = known[1] if known and known[0] == content else msgspec.json.decode(content)
        now = max(int(self._now()) + document["offset"], document["at"])
        random, pages, rules = self._random, self._pages, self._rules
        state = State(document, now=now, random=random, pages=pages, rules=rules, key=key)
        state.content = content
        return state

    def _new_document(self) -> dict[str, Any]:
        secret = "whsec_" + "".join(self._random.choices("abcdef0123456789", k=48))
        emptied: dict[str, Any] = {
            name: {} for name in ("objects", "events", "keys", "meter_events", "meter_sessions")
        }
        return {**emptied, "outbox": [], "offset": 0, "at": 0, "secret": secret}

    def _save(self, state: State, bodies: list[str]) -> None:
        document = state.document
        if self._hook:
            bodies += [document["events"][entry["id"]]["body"] for entry in document["outbox"]]
            document["outbox"] = []
        document["at"] = max(document["at"], state.now)
        clock.prune(state)
        content = msgspec.json.encode(document)
        self._store.write(content)
        state.content = content

    # The clock.

    @property
    def now(self) -> int:
        """The account's time, in seconds since 1970."""
        with self._alone(reads=True) as state:
            return state.now

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass; what is due on the way happens in its order, and its webhooks are delivered on the way."""
        target = self.now + int(days * 86_400 + hours * 3600 + seconds)
        at = 0
        while at < target:
            with self._alone() as state:
                at = min(target, max(clock.next_at(state, target), state.now))
                state.document["offset"] = at - int(self._now())
                clock.run_until(state, at)

    def tick(self) -> None:
        """Do what `now` has made due, where no call is made that would."""
        with self._alone(reads=True):
            pass

    # What people do at Stripe's pages.

    def pay_checkout(
        self, id: str, card: str = "4242424242424242", *, country: str | None = None, confirmed: bool = False
    ) -> bool:
        """Fill in the page of a session and press its button. False: the bank asks first, so `confirmed` is needed.

        Raises Refusal (402) when the card is declined.
        """
        with self.account() as state:
            session = state.get("checkout.session", id)
            return checkout.pay(state, session, cards.card_named(card), country=country, confirmed=confirmed)

    def authenticate(self, id: str, *, agreed: bool = True) -> None:
        """Answer the bank's question about a payment or setup intent. Raises Refusal (402) for a card declined."""
        with self.account() as state:
            if id.startswith("seti_"):
                setups.authenticate(state, state.get("setup_intent", id), agreed=agreed)
            else:
                payments.authenticate(state, state.get("payment_intent", id), agreed=agreed)

    # Failures and webhooks on demand.

    def fail(
        self, path: str, kind: failures.Kind, *, method: str = "*", times: int = 1, after: bool = False
    ) -> None:
        """The next calls of a path (`/v1/customers*`) fail. The SDK tries most failures again: see `times`.

        `after`: the call takes effect and only its answer is lost.
        """
        self._script.add(method, path, kind, times=times, after=after)

    def relent(self) -> None:
        """No call fails any more because of `fail`."""
        self._script = failures.Script()

    @property
    def webhook_secret(self) -> str:
        with self._alone(reads=True) as state:
            secret: str = state.document["secret"]
            return secret

    def hold(self) -> None:
        """Keep webhooks back, until `release`."""
        self._hook.held = True

    def release(self, *, shuffled: bool = False, duplicated: bool = False) -> int:
        """Deliver what was kept back; how many deliveries that made."""
        return self._hook.release(self.webhook_secret, shuffled=shuffled, duplicated=duplicated)

    def outbox(self, now: float) -> list[tuple[Object, str]]:
        """What waits to be sent at this real time, without a `deliver`: each entry with the event's body."""
        with self.account(reads=True) as state:
            document = state.document
            return [
                (dict(entry), document["events"][entry["id"]]["body"])
                for entry in document["outbox"]
                if entry["at"] <= now
            ]

    def delivered(self, id: str) -> None:
        with self.account() as state:
            state.document["outbox"] = [entry for entry in state.document["outbox"] if entry["id"] != id]

    def postpone(self, id: str, at: float) -> None:
        with self.account() as state:
            for entry in state.document["outbox"]:
                if entry["id"] == id:
                    entry.update(at=at, attempts=entry["attempts"] + 1)


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    parameters: str
    headers: Mapping[str, str]


def _handled(state: State, call: Call) -> Object:
    handler, shape, ids = find_route(call.method, call.path)
    _check_key(state, call)
    if call.path.startswith("/v2/"):
        values = msgspec.json.decode(call.parameters or "{}")
    else:
        values = decode_form(call.parameters)
    form = checked(values, shape)
    expand = form.value("expand") or []
    thing = handler(state, form, *ids)
    for name in form.unread():
        raise parameter_unsupported(name)
    return expanded(state, present(thing), expand)


def _check_key(state: State, call: Call) -> None:
    key = call.headers.get("Authorization", "").removeprefix("Bearer ")
    if call.path == "/v2/billing/meter_event_stream":
        if not meters.session_is_open(state, key):
            message = "The session token has expired: create another meter event session."
            raise Refusal(
                message,
                status=400,
                type="temporary_session_expired",
                code="billing_meter_event_session_expired",
                checked=True,
            )
    elif not key.startswith("sk_fake"):
        raise Refusal(
            "Invalid API Key provided: the stand-in takes keys that begin with sk_fake.",
            status=401,
            checked=True,
        )


def _encoded(thing: Object) -> str:
    return msgspec.json.encode(thing).decode()


def _told(refusal: Refusal, headers: dict[str, str]) -> Answer:
    return _encoded(refusal.body), refusal.status, headers
