"""Events on their way to the webhook: signed, at least once, and late, twice or shuffled on demand."""

import time
from collections.abc import Callable
from random import Random

import stripe

Deliver = Callable[[bytes, str], object]


def signed(body: str, secret: str) -> tuple[bytes, str]:
    """The body and its `Stripe-Signature` header, of this moment: signatures are checked against the real time."""
    header = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time()))
    return body.encode(), str(header)


class Hook:
    """Delivers at once, in order; or collects while it is held, and lets go on demand."""

    def __init__(self, deliver: Deliver | None, random: Random) -> None:
        self._deliver = deliver
        self._random = random
        self._waiting: list[str] = []
        self._busy = False
        self.held = False

    def __bool__(self) -> bool:
        return self._deliver is not None

    def offer(self, bodies: list[str], secret: str) -> None:
        self._waiting.extend(bodies)
        if not self.held:
            self._send_all(secret)

    def release(self, secret: str, *, shuffled: bool, duplicated: bool) -> int:
        """Send what has waited, and no longer hold; how many deliveries that made."""
        self.held = False
        if duplicated:
            self._waiting += self._waiting
        if shuffled:
            self._random.shuffle(self._waiting)
        return self._send_all(secret)

    def _send_all(self, secret: str) -> int:
        if (
            self._deliver is None or self._busy
        ):  # a delivery whose handling calls Stripe: the outer loop goes on
            return 0
        self._busy, sent = True, 0
        try:
            while self._waiting and not self.held:
                self._deliver(*signed(self._waiting[0], secret))
                self._waiting.pop(0)
                sent += 1
        finally:
            self._busy = False
        return sent
