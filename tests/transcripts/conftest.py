"""Sessions here run on a virtual clock."""

from tests.virtual_clock import no_leaked_tasks, pytest_asyncio_loop_factories

__all__ = ["no_leaked_tasks", "pytest_asyncio_loop_factories"]
