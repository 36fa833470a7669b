"""Every page, in a real browser: for people who see, who see little, who have a telephone, who have no mouse."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewPage, Watched, serious_violations
from tests.browser.furnished import furnish, take_keys_away
from tests.browser.pages import OF_A_PERSON, PUBLIC, pages_of_tenant
from tests.platform_fixture import Platform

Look = tuple[Literal["light", "dark"], tuple[int, int]]
WIDE, NARROW = (1280, 900), (390, 844)
LOOKS: tuple[Look, ...] = (("light", WIDE), ("dark", NARROW), ("dark", WIDE), ("light", NARROW))
ALL = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


def looks(number: int) -> tuple[Look, ...]:
    """All, in `make soak`; else one, another for the next page: what pages share is seen in each."""
    return LOOKS if ALL else (LOOKS[number % len(LOOKS)],)


@pytest.fixture(scope="module")
def arguments(platform: Platform) -> Iterator[Mapping[str, str]]:
    yield furnish(platform)
    take_keys_away(platform)


def test_axe_finds_nothing_serious_on_the_pages_of_a_tenant(
    arguments: Mapping[str, str], new_page: NewPage
) -> None:
    page = new_page("/")
    for number, (name, address) in enumerate(pages_of_tenant(arguments)):
        assert not faults_of(page, address, looks(number)), name


def test_axe_finds_nothing_serious_on_the_pages_of_a_person(new_page: NewPage) -> None:
    page = new_page("/")
    for number, (name, address) in enumerate(OF_A_PERSON.items()):
        assert not faults_of(page, address, looks(number)), name


def test_axe_finds_nothing_serious_on_public_pages(new_page: NewPage, watched: Watched) -> None:
    watched.expect("404")
    page = new_page("/", storage_state=None)
    for number, (name, address) in enumerate(PUBLIC.items()):
        assert not faults_of(page, address, looks(number)), name


def test_axe_finds_nothing_serious_on_the_pages_of_the_stand_in_for_stripe(
    arguments: Mapping[str, str], new_page: NewPage
) -> None:
    page = new_page("/demo/billing/")
    for number, button in enumerate(("Go on to payment", "Cards and receipts")):
        page.goto(urljoin(page.url, "/demo/billing/"))
        page.get_by_role("button", name=button).click()
        page.wait_for_url("**/fake-stripe/**")
        assert not faults_of(page, page.url, looks(number)), button
    page.locator("a[href*='/fake-stripe/invoice/']").first.click()
    page.wait_for_url("**/fake-stripe/invoice/**")
    assert not faults_of(page, page.url, looks(2)), "invoice"


def faults_of(page: Page, address: str, looks: Sequence[Look]) -> list[str]:
    """In the page and in each of its dialogs."""
    page.goto(urljoin(page.url, address))
    found = []
    for scheme, (width, height) in looks:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{width} px are not enough: it scrolls sideways.")
        found += [f"{scheme}, {width} px: {fault}" for fault in serious_violations(page)]
    for dialog in page.evaluate("[...document.querySelectorAll('dialog')].map(({ id }) => id)"):
        page.evaluate("id => document.getElementById(id).showModal()", dialog)
        found += [f"dialog {dialog}: {fault}" for fault in serious_violations(page, f"#{dialog}")]
        page.evaluate("id => document.getElementById(id).close()", dialog)
    return found
