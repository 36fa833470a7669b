"""The documentation's pictures: all that are shown are there, and `make screens` takes just these."""

import re

from antiphon.config.env import PROJECT
from tests.browser.screens import FOLDER, LOOKS, PAGES


def test_every_picture_is_shown_and_taken() -> None:
    taken = {"playground", *PAGES, *LOOKS}
    there = {path.stem for path in FOLDER.iterdir()}
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    shown = {name for page in pages for name in re.findall(r"screens/([a-z-]+)\.png", page.read_text())}
    assert shown == taken == there
