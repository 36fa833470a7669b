from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def no_attempts_yet() -> Iterator[None]:
    """Rate limits count from zero."""
    cache.clear()
    yield
    cache.clear()
