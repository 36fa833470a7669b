import os
from collections.abc import Iterator

import pytest

from tests.billing.stripe_account import Account, stripe_account

# It runs against Stripe itself, for which it needs a key.
collect_ignore = [] if os.environ.get("STRIPE_TEST_KEY", "") else ["test_live.py"]


@pytest.fixture
def account() -> Iterator[Account]:
    with stripe_account() as made:
        yield made
