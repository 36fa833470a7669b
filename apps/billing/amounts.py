"""Amounts of money as people read them in sentences and mails."""

_MICRO = 1_000_000


def dollars(micro: int) -> str:
    """Micro-dollars in whole cents: `-$1,012.30`."""
    return f"{'-' if micro < 0 else ''}${abs(micro) / _MICRO:,.2f}"
