"""What Stripe answers when it does not do as asked."""

from typing import Any


class Refusal(Exception):
    """An error in Stripe's words.

    `keeps` says that what the call did before it failed stays done, as a declined payment intent does.
    `checked` says that it failed before it began, so that its idempotency key is free to be used again.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        keeps: bool = False,
        checked: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keeps = keeps
        self.checked = checked
        self.body = {"error": {"message": message, "type": type, **details}}


def missing(kind: str, id: str, param: str = "id") -> Refusal:
    name = kind.replace(".", " ").replace("_", " ")
    return Refusal(f"No such {name}: '{id}'", status=404, code="resource_missing", param=param)


def parameter_missing(param: str) -> Refusal:
    return Refusal(f"Missing required param: {param}.", checked=True, code="parameter_missing", param=param)


def parameter_unknown(param: str) -> Refusal:
    return Refusal(
        f"Received unknown parameter: {param}", checked=True, code="parameter_unknown", param=param
    )


def parameter_invalid(param: str, sentence: str) -> Refusal:
    return Refusal(f"Invalid {param}: {sentence}", checked=True, param=param)


def parameter_unsupported(param: str) -> Refusal:
    """Stripe knows the parameter, the stand-in does not: it says so rather than behave otherwise than Stripe."""
    return Refusal(
        f"The stand-in for Stripe does nothing with the parameter {param} here: leave it out, or teach it.",
        checked=True,
        code="parameter_unsupported_by_stand_in",
        param=param,
    )


def card_error(message: str, code: str, decline_code: str | None = None, **details: Any) -> Refusal:
    found = {"code": code, **({"decline_code": decline_code} if decline_code else {}), **details}
    return Refusal(message, status=402, type="card_error", keeps=True, **found)
