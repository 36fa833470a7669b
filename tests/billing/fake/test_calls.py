"""How calls are taken, refused, repeated and made to fail."""

import asyncio
import json

import pytest
import stripe

from apps.billing.fake.params import _hints, required_names
from apps.billing.fake.routes import ROUTES
from apps.billing.fake.stand_in import FakeStripe
from apps.billing.fake.store import FileStore
from tests.billing.fake.conftest import START, Account


def test_what_was_created_is_there(account: Account) -> None:
    made = account.v1.customers.create({"email": "alice@acme.test", "metadata": {"tenant": "acme"}})
    found = account.v1.customers.retrieve(made.id)
    assert (found.email, found.metadata["tenant"], found.created) == ("alice@acme.test", "acme", START)
    account.v1.customers.update(made.id, {"metadata": {"tenant": "", "plan": "pro"}})
    changed = account.v1.customers.retrieve(made.id).metadata
    assert changed is not None
    assert changed.to_dict() == {"plan": "pro"}
    assert account.told() == ["customer.created", "customer.updated"]


async def test_calls_may_be_awaited(account: Account) -> None:
    made = await account.v1.customers.create_async({"email": "bob@acme.test"})
    assert (await account.v1.customers.retrieve_async(made.id)).email == "bob@acme.test"


def test_an_object_that_is_not_there_is_a_404(account: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        account.v1.customers.retrieve("cus_nobody")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert "No such customer: 'cus_nobody'" in str(refused.value)


def test_an_address_that_the_stand_in_lacks_is_a_404(account: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        account.v1.payouts.list()


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"unit_amount": 1, "product": "p"}, "Missing required param: currency"),
        ({"currency": "usd", "colour": "red"}, "Received unknown parameter: colour"),
        ({"currency": "usd", "unit_amount": "ten", "product": "p"}, "must be an integer"),
        ({"currency": "usd", "active": "perhaps"}, "must be true or false"),
        ({"currency": "usd", "recurring": {"interval": "fortnight"}}, r"Invalid recurring\[interval\]"),
        ({"currency": "usd", "recurring": {"every": "month"}}, r"unknown parameter: recurring\[every\]"),
    ],
)
def test_parameters_are_checked_against_the_types_of_the_sdk(
    account: Account, params: object, sentence: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=sentence):
        account.v1.prices.create(params)


def test_a_parameter_that_would_change_something_at_stripe_is_never_ignored(account: Account) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does nothing with the parameter shipping"):
        account.v1.customers.create({"shipping": {"name": "Alice", "address": {"country": "DE"}}})
    assert account.v1.customers.list().data == []


def test_every_route_has_parameters_that_the_sdk_knows() -> None:
    for pattern, (_, shape) in ROUTES.items():
        assert required_names(shape) <= set(_hints(shape)), pattern


def test_a_real_key_is_refused() -> None:
    client = stripe.StripeClient("sk_live_real", http_client=FakeStripe())
    with pytest.raises(stripe.AuthenticationError):
        client.v1.customers.list()


def test_the_same_key_gets_the_same_answer(account: Account) -> None:
    first = account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-1"})
    again = account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-1"})
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(account.v1.customers.list().data) == 1


def test_the_same_key_with_other_parameters_is_refused(account: Account) -> None:
    account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-1"})
    with pytest.raises(stripe.IdempotencyError):
        account.v1.customers.create({"email": "b@acme.test"}, {"idempotency_key": "row-1"})


def test_a_key_is_forgotten_after_a_day(account: Account) -> None:
    first = account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-1"})
    account.fake.advance(days=1, seconds=1)
    assert account.v1.customers.create({"email": "b@acme.test"}, {"idempotency_key": "row-1"}).id != first.id


def test_a_declined_payment_is_declined_again_under_its_key(account: Account) -> None:
    customer = account.customer("pm_card_chargeCustomerFail")
    method = account.v1.customers.payment_methods.list(customer.id).data[0].id
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": 500,
        "currency": "usd",
        "customer": customer.id,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            account.v1.payment_intents.create(params, {"idempotency_key": "row-2"})
    assert len(account.v1.payment_intents.list().data) == 1


def test_a_lost_answer_is_made_good_by_the_sdks_retry(account: Account) -> None:
    account.fake.fail("/v1/customers", "timeout", after=True)
    account.v1.customers.create({"email": "a@acme.test"})
    assert len(account.v1.customers.list().data) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("timeout", stripe.APIConnectionError),
        ("connection", stripe.APIConnectionError),
        ("conflict", stripe.APIError),
        ("rate_limit", stripe.RateLimitError),
        ("server_error", stripe.APIError),
        ("card_declined", stripe.CardError),
    ],
)
def test_calls_fail_as_they_are_told_to_and_take_no_effect(
    account: Account, kind: str, error: type[Exception]
) -> None:
    account.fake.fail("/v1/customers*", kind, times=3)
    with pytest.raises(error):
        account.v1.customers.create({"email": "a@acme.test"})
    account.fake.relent()
    assert account.v1.customers.list().data == []


def test_a_call_that_took_effect_and_never_answered_is_found_by_its_key(account: Account) -> None:
    account.fake.fail("/v1/customers", "timeout", times=3, after=True)
    with pytest.raises(stripe.APIConnectionError):
        account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-3"})
    found = account.v1.customers.create({"email": "a@acme.test"}, {"idempotency_key": "row-3"})
    assert [each.id for each in account.v1.customers.list().data] == [found.id]


def test_lists_come_in_pages_newest_first(account: Account) -> None:
    made = [account.v1.customers.create({"name": str(number)}).id for number in range(25)]
    page = account.v1.customers.list({"limit": 10})
    assert (len(page.data), page.has_more, page.data[0].id) == (10, True, made[-1])
    assert [each.id for each in page.auto_paging_iter()] == made[::-1]
    before = account.v1.customers.list({"limit": 3, "ending_before": made[10]})
    assert [each.id for each in before.data] == [made[13], made[12], made[11]]


def test_ids_are_expanded_into_objects(account: Account) -> None:
    account.customer()
    intent = account.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "customer": account.v1.customers.list().data[0].id}
    )
    found = account.v1.payment_intents.list({"expand": ["data.customer"]}).data[0]
    assert isinstance(found.customer, stripe.Customer)
    assert found.id == intent.id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        account.v1.payment_intents.retrieve(intent.id, {"expand": ["colour"]})


def test_events_are_signed_and_can_be_looked_up(account: Account) -> None:
    account.v1.customers.create({"email": "a@acme.test"})
    event = account.events[0]
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, "another secret")
    with pytest.raises(stripe.SignatureVerificationError):
        account.client.construct_event(body, signature, account.fake.webhook_secret)
    assert account.v1.events.retrieve(event["id"]).data.object["email"] == "a@acme.test"
    assert [each.id for each in account.v1.events.list({"types": ["customer.created"]}).data] == [event["id"]]
    assert account.v1.events.list({"type": "invoice.*"}).data == []


def test_webhooks_come_late_twice_and_out_of_order_on_demand(account: Account) -> None:
    account.fake.hold()
    for number in range(6):
        account.v1.customers.create({"name": str(number)})
    assert account.told() == []
    assert account.fake.release(shuffled=True, duplicated=True) == 12
    names = [event["data"]["object"]["name"] for event in account.events]
    assert sorted(names) == sorted([str(number) for number in range(6)] * 2)
    assert names != sorted(names)


def test_the_handling_of_a_webhook_may_call_stripe(account: Account) -> None:
    seen: list[str] = []

    def deliver(body: bytes, signature: str) -> None:
        event = json.loads(body)
        seen.append(event["type"])
        if event["type"] == "customer.created":
            client.v1.customers.update(event["data"]["object"]["id"], {"name": "known"})

    fake = FakeStripe(deliver=deliver)
    client = stripe.StripeClient("sk_fake", http_client=fake)
    client.v1.customers.create({"email": "a@acme.test"})
    assert seen == ["customer.created", "customer.updated"]


def test_processes_share_what_is_in_the_file(tmp_path) -> None:
    store = tmp_path / "folder" / "stripe.json"
    one, two = (
        stripe.StripeClient("sk_fake", http_client=FakeStripe(store=FileStore(store))) for _ in range(2)
    )
    made = one.v1.customers.create({"email": "a@acme.test"})
    assert two.v1.customers.retrieve(made.id).email == "a@acme.test"
    assert store.stat().st_mode & 0o777 == 0o600


async def test_threads_do_not_lose_each_others_work(tmp_path) -> None:
    client = stripe.StripeClient("sk_fake", http_client=FakeStripe(store=FileStore(tmp_path / "stripe.json")))
    await asyncio.gather(
        *(asyncio.to_thread(client.v1.customers.create, {"name": str(number)}) for number in range(20))
    )
    assert len(client.v1.customers.list({"limit": 100}).data) == 20
