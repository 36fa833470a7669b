from collections.abc import Iterator

import pytest

from tests.billing.stripe_account import Account, stripe_account


@pytest.fixture
def account() -> Iterator[Account]:
    with stripe_account() as made:
        yield made
