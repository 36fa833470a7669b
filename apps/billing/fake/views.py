"""The pages that people see at Stripe: Checkout, the portal, an invoice, a bank's question.

Who knows the address may use the page, as at Stripe: its id can't be guessed.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.billing.fake import cards, collecting, installation, payments, portal, setups, tax
from apps.billing.fake.catalog import cents
from apps.billing.fake.cycles import period_of
from apps.billing.fake.forms import DECLINED, CardForm, CheckoutForm
from apps.billing.fake.refusals import Refusal
from apps.billing.fake.state import Object, State, present

_page = require_http_methods(["GET", "HEAD", "POST"])


def money(amount: int, currency: str) -> str:
    sign = "$" if currency == "usd" else f"{currency.upper()} "
    return f"{'-' if amount < 0 else ''}{sign}{Decimal(abs(amount)) / 100:,.2f}"


def _day(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _found(state: State, kind: str, id: str) -> Object:
    if (thing := state.kind(kind).get(id)) is None:
        raise Http404
    return thing


@never_cache
@_page
def checkout_page(request: HttpRequest, id: str) -> HttpResponse:
    with installation.installed().account(reads=True) as state:
        session = present(_found(state, "checkout.session", id))
        customer = state.maybe("customer", session["customer"])
        lines = _found(state, "checkout.session", id)["line_items"]["data"]
        taxed = session["automatic_tax"]["enabled"] and not ((customer or {}).get("address") or {}).get(
            "country"
        )
        percent = tax.percent_for(state, customer) if customer else 0
        trial = _found(state, "checkout.session", id)["_subscription"].get("trial_period_days")
    if session["status"] == "complete":
        return _back(session)
    action = request.POST.get("action", "")
    if action == "cancel":
        return redirect(session["cancel_url"] or "/")
    form = CheckoutForm(request.POST or None, taxed=bool(taxed))
    asks, status = False, 200
    if request.method == "POST" and session["status"] == "open":
        if form.is_valid() and action in ("pay", "confirm", "decline"):
            card = DECLINED if action == "decline" else form.cleaned_data["card"]
            try:
                if installation.installed().pay_checkout(
                    id, card, country=form.cleaned_data.get("country") or None, confirmed=action == "confirm"
                ):
                    return _back(session)
                asks = True
            except Refusal as refusal:
                form.add_error(None, str(refusal))
        status = 422 if form.errors else 200
    context = {
        "session": session,
        "form": form,
        "asks": asks,
        "lines": [_line(line) for line in lines],
        "total": money(session["amount_total"] or 0, session["currency"] or "usd"),
        "tax": money((session["total_details"] or {}).get("amount_tax", 0), session["currency"] or "usd"),
        "by_country": taxed,
        "percent": percent,
        "trial": trial,
    }
    return render(request, "billing/fake/checkout.html", context, status=status)


def _back(session: Object) -> HttpResponse:
    return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


def _line(line: Object) -> dict[str, Any]:
    recurring = line["price"]["recurring"]
    metered = line["quantity"] is None
    unit = f"{Decimal(line['price']['unit_amount_decimal']) / 100:f}"
    return {
        "description": line["description"],
        "amount": f"${unit} a unit"
        if metered
        else money(cents(line["price"], line["quantity"]), line["currency"]),
        "quantity": line["quantity"],
        "every": recurring and recurring["interval"],
        "metered": metered,
    }


@never_cache
@_page
def portal_page(request: HttpRequest, id: str) -> HttpResponse:
    form = CardForm(request.POST if request.POST.get("action") == "card" else None)
    try:
        with installation.installed().account(reads=request.method != "POST") as state:
            session = _found(state, "billing_portal.session", id)
            customer = portal.need_open(state, session)
            if request.method == "POST" and (done := _portal_action(state, customer, request, form)):
                messages.success(request, done)
                return redirect(request.path)
    except Refusal as refusal:
        if request.method == "POST":
            messages.error(request, str(refusal))
            return redirect(request.path)
        return render(request, "billing/fake/over.html", {"sentence": str(refusal)}, status=410)
    context = {"session": session, "form": form, **_portal_context(state, customer)}
    return render(request, "billing/fake/portal.html", context, status=422 if form.errors else 200)


def _portal_action(state: State, customer: Object, request: HttpRequest, form: CardForm) -> str:
    """What was done, in a sentence. Raises Refusal where it can't be."""
    action, id = request.POST.get("action"), request.POST.get("id", "")
    if action == "card" and form.is_valid():
        portal.change_card(state, customer, cards.card_named(form.cleaned_data["card"]))
        return "The card was changed."
    if action in ("cancel", "resume"):
        subscription = portal.owned(portal.subscriptions_of(state, customer), id)
        portal.cancel_at_end(state, subscription, cancels=action == "cancel")
        return "The subscription ends with its period." if action == "cancel" else "The subscription goes on."
    if action == "pay":
        invoice = portal.owned(portal.invoices_of(state, customer), id)
        portal.pay_invoice(state, invoice)
        return (
            "The invoice was paid."
            if invoice["status"] == "paid"
            else "The bank asks you to confirm: open the invoice."
        )
    return ""


def _portal_context(state: State, customer: Object) -> dict[str, Any]:
    default = state.maybe("payment_method", customer["invoice_settings"]["default_payment_method"])
    subscriptions = portal.subscriptions_of(state, customer)
    for subscription in subscriptions:
        default = state.maybe("payment_method", subscription["default_payment_method"]) or default
    return {
        "customer": customer,
        "card": default and default["card"],
        "subscriptions": [
            {
                "id": each["id"],
                "status": each["status"].replace("_", " "),
                "names": ", ".join(
                    dict.fromkeys(
                        state.get("product", i["price"]["product"])["name"] for i in each["items"]["data"]
                    )
                ),
                "until": _day(period_of(each)[1]),
                "ends": _day(each["cancel_at"]) if each["cancel_at"] else None,
            }
            for each in subscriptions
        ],
        "invoices": [_invoice(each) for each in portal.invoices_of(state, customer)[:24]],
    }


def _invoice(invoice: Object) -> dict[str, Any]:
    return {
        "id": invoice["id"],
        "number": invoice["number"],
        "day": _day(invoice["created"]),
        "status": invoice["status"],
        "total": money(invoice["total"], invoice["currency"]),
        "due": money(invoice["amount_remaining"], invoice["currency"]),
    }


@never_cache
@_page
def invoice_page(request: HttpRequest, id: str) -> HttpResponse:
    form = CardForm(request.POST or None)
    with installation.installed().account(reads=True) as state:
        found = _found(state, "invoice", id)
        if found["status"] == "draft":
            raise Http404
        intent = collecting.intent_of(state, found)
        has_card = collecting.default_method(state, found) is not None
    if request.method == "POST" and form.is_valid():
        try:
            with installation.installed().account() as state:
                _pay_by_hand(state, id, form.cleaned_data["card"])
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(request.path)
    asks = intent is not None and intent["status"] == "requires_action"
    context = {
        "invoice": _invoice(found),
        "form": form,
        "has_card": has_card,
        "asks": intent["id"] if intent and asks else "",
        "customer": found["customer_name"] or found["customer_email"] or found["customer"],
        "lines": [
            {
                "description": line["description"],
                "quantity": line["quantity"],
                "amount": money(line["amount"], line["currency"]),
            }
            for line in found["lines"]["data"]
        ],
        "subtotal": money(found["subtotal"], found["currency"]),
        "credits": money(found["total_excluding_tax"] - found["subtotal"], found["currency"]),
        "has_credits": found["total_excluding_tax"] != found["subtotal"],
        "tax": money(sum(each["amount"] for each in found["total_taxes"]), found["currency"]),
    }
    return render(request, "billing/fake/invoice.html", context, status=422 if form.errors else 200)


def _pay_by_hand(state: State, id: str, number: str) -> None:
    invoice = state.get("invoice", id)
    if invoice["status"] != "open":
        raise Refusal(f"This invoice is {invoice['status']}: there is nothing to pay.")
    collecting.pay(state, invoice, cards.make_method(state, cards.card_named(number))["id"])


@never_cache
@_page
def authenticate_page(request: HttpRequest, id: str) -> HttpResponse:
    """The bank's question, for a payment or a card that is kept."""
    kind = "setup_intent" if id.startswith("seti_") else "payment_intent"
    error = ""
    if request.method == "POST":
        try:
            with installation.installed().account() as state:
                intent, agreed = _found(state, kind, id), request.POST.get("action") == "confirm"
                back = (intent["next_action"] or {}).get("redirect_to_url", {}).get("return_url")
                (setups if kind == "setup_intent" else payments).authenticate(state, intent, agreed=agreed)
        except Refusal as refusal:
            error = str(refusal)
        else:
            return redirect(back or request.path)
    with installation.installed().account(reads=True) as state:
        intent = _found(state, kind, id)
    context = {
        "asks": intent["status"] == "requires_action",
        "done": intent["status"] == "succeeded",
        "amount": money(intent["amount"], intent["currency"]) if "amount" in intent else "",
        "error": error,
    }
    return render(request, "billing/fake/authenticate.html", context, status=422 if error else 200)
