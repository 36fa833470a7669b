"""Provider tests run on a virtual clock and leave no task behind."""

import pytest

from antiphon.providers.base.http import Wire
from antiphon.providers.scripted.server import StubServer
from tests.virtual_clock import no_leaked_tasks, pytest_asyncio_loop_factories

__all__ = ["no_leaked_tasks", "pytest_asyncio_loop_factories"]


@pytest.fixture
async def wire():
    wire = Wire()
    yield wire
    await wire.aclose()


@pytest.fixture
async def server():
    async with StubServer() as server:
        yield server
