"""What an answer will cost, about: for choosing between models, never for billing."""

import time

from antiphon.metering.price_files import list_prices
from antiphon.providers.base.usage import Quantities

_USUAL: Quantities = {"input_text_token": 1_500, "output_text_token": 60}  # a turn in the middle of a call


def usual_answer_micro(model: str) -> float | None:
    """Micro-dollars of a usual spoken answer by `provider/model`; None if it has no price."""
    priced = list_prices().price(model, _USUAL, time.time() * 1000)
    return None if priced.unpriced else float(priced.price_micro)
