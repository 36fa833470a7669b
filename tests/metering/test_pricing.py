"""What the operator pays and what the tenant is billed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.metering.pricing import OWN_CREDENTIAL, Billed, PriceRules, billed, marked_up
from antiphon.providers.base.usage import Quantities
from tests.metering.cards import card, rate

AT = 1_795_000_000_000.0
LISTED = card(rate("openai/gpt", "input_text_token", "2", 1_000_000))
USED: Quantities = {"input_text_token": 1250}


def bill(rules: PriceRules, quantities: Quantities = USED, model: str = "openai/gpt", **more: bool) -> Billed:
    return billed(model, quantities, AT, rates=LISTED, rules=rules, **more)


def test_it_works_without_rules_the_price_is_the_cost() -> None:
    (line,) = bill(PriceRules()).lines
    assert (line.unit, line.quantity, line.cost_micro, line.price_micro) == (
        "input_text_token",
        1250,
        2500,
        2500,
    )
    assert (line.unit_price, line.per) == (Decimal(2), 1_000_000)


def test_a_markup_is_added_to_the_cost() -> None:
    (line,) = bill(PriceRules(markup_bp=2_500)).lines
    assert (line.cost_micro, line.price_micro) == (2500, 3125)
    assert line.unit_price == Decimal("2.5"), "what the tenant pays, not what the vendor lists"


@pytest.mark.parametrize(
    ("cost", "markup_bp", "price"),
    [(1, 4_999, 1), (1, 5_000, 2), (3, 5_000, 5), (0, 5_000, 0), (100, -2_500, 75), (7, -10_000, 0)],
)
def test_a_price_is_rounded_half_up_to_a_micro_dollar(cost: int, markup_bp: int, price: int) -> None:
    assert marked_up(cost, markup_bp) == price


@settings(max_examples=50)
@given(st.integers(0, 10**12), st.integers(0, 100_000))
def test_a_price_is_never_off_by_more_than_half_a_micro_dollar(cost: int, markup_bp: int) -> None:
    exact = Decimal(cost) * (10_000 + markup_bp) / 10_000
    assert abs(marked_up(cost, markup_bp) - exact) <= Decimal("0.5")


def test_the_operators_own_rate_takes_the_place_of_the_markup() -> None:
    own = card(rate("openai/gpt", "input_text_token", "4", 1_000_000))
    (line,) = bill(PriceRules(markup_bp=9_999, own=own)).lines
    assert (line.cost_micro, line.price_micro, line.unit_price) == (2500, 5000, Decimal(4))


def test_what_nobody_lists_can_have_a_price_of_the_operators() -> None:
    own = card(rate("llm/ours", "input_text_token", "1", 1_000_000))
    result = bill(PriceRules(own=own), model="llm/ours")
    assert [(line.cost_micro, line.price_micro) for line in result.lines] == [(0, 1250)]
    assert result.unpriced == ()
    assert bill(PriceRules(), model="llm/ours").unpriced, "without it, that is an alarm"


def test_with_a_credential_of_its_own_a_tenant_pays_the_vendor_and_not_the_operator() -> None:
    (line,) = bill(PriceRules(markup_bp=2_500), own_credential=True).lines
    assert (line.quantity, line.cost_micro, line.price_micro, line.rate_id) == (1250, 0, 0, OWN_CREDENTIAL)


def test_what_a_tenant_pays_itself_is_never_unpriced() -> None:
    result = bill(PriceRules(), model="acme/secret", own_credential=True)
    assert [line.unit for line in result.lines] == ["input_text_token"]
    assert result.unpriced == ()


def test_the_operator_can_charge_for_what_a_tenant_brings_itself() -> None:
    byo = card(rate("openai/*", "input_text_token", "0.1", 1_000_000))
    (line,) = bill(PriceRules(byo=byo), own_credential=True).lines
    assert (line.cost_micro, line.price_micro) == (0, 125)
