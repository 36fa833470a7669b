import os

from hypothesis import HealthCheck, settings

from tests.virtual_clock import no_leaked_tasks, pytest_asyncio_loop_factories

__all__ = ["no_leaked_tasks", "pytest_asyncio_loop_factories"]

# `make soak` asks for many more random worlds than a run of the tests has time for.
_slow = [HealthCheck.too_slow]
settings.register_profile("quick", max_examples=10, deadline=None, suppress_health_check=_slow)
settings.register_profile("soak", max_examples=4000, deadline=None, suppress_health_check=_slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
