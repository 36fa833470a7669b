"""Every case of the corpus through the real gateway; events are also held against the official types."""

from collections.abc import Iterator

import pytest

from antiphon.conformance.__main__ import CORPUS
from antiphon.conformance.cases import Case, load_cases
from antiphon.conformance.runner import Server, run_case
from tests.mcp_server import mcp_server
from tests.openai_beta_types import check_beta_event
from tests.openai_types import check_server_event
from tests.platform_fixture import Platform

CASES = load_cases(CORPUS)


@pytest.fixture(scope="session")
def server(platform: Platform) -> Iterator[Server]:
    with mcp_server() as tools:
        yield _server(platform, tools.url)


def _server(platform: Platform, tools: str) -> Server:
    values = {
        "mcp_server": tools,
        "failing_voice": platform.dead_voice,
        "failing_recogniser": platform.dead_recogniser,
        "other_model": platform.paced_model,
    }
    return Server.at(platform.base_url, platform.api_key, "local/dialogue", values)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_the_platform_passes(case: Case, server: Server) -> None:
    outcome = await run_case(case, server)
    assert outcome.problem is None, outcome.text()
    for frame in outcome.frames:
        # A client that only its first event gives away may have been told of its session before.
        is_beta = "beta" in case.requires and '"output_modalities"' not in frame
        (check_beta_event if is_beta else check_server_event)(frame)


def test_the_corpus_is_large_enough_and_its_numbers_are_unique() -> None:
    numbers = [case.name[:3] for case in CASES]
    assert len(numbers) >= 75
    assert len(set(numbers)) == len(numbers)
