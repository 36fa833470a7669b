"""Identifiers in the shape the protocol's clients know: a prefix and 21 letters and digits."""

import random

_BITS = (
    84  # as 21 hexadecimal digits; with the longest prefix that stays below the 32 characters OpenAI allows
)


class Ids:
    """Unique ids of one session. They name things, they protect nothing, so a plain generator will do."""

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = source or random.Random()

    def new(self, prefix: str) -> str:
        """`prefix` is event, item, resp, call, conv or sess."""
        return f"{prefix}_{self._source.getrandbits(_BITS):021x}"
