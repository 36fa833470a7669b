"""Links of files: who holds one reads the file, or a part of it, for a while."""

import uuid
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core import signing
from django.test import AsyncClient, Client
from django.utils import timezone

from apps.core.tenancy import current_tenant
from apps.files import store
from apps.files.links import LIVES, link_to

CONTENT = bytes(range(256)) * 1000  # four chunks
pytestmark = pytest.mark.parametrize("storage", ["folder"], indirect=True)


@pytest.fixture
def name(storage: str, tenant: uuid.UUID) -> str:
    name = store.name_of("recordings", "one")
    store.put(name, [CONTENT])
    return name


async def get(path: str, **headers: str) -> tuple[Any, bytes]:
    """As somebody who is not known, and works for no tenant."""
    token = current_tenant.set(None)
    try:
        response = await AsyncClient().get(path, headers=headers)
        if response.streaming:
            return response, b"".join([piece async for piece in response.streaming_content])
        return response, response.content
    finally:
        current_tenant.reset(token)


async def test_it_works(storage: str, name: str, sealing: str) -> None:
    store.put(name, [CONTENT])
    response, body = await get(link_to(name, content_type="audio/ogg"))
    assert (response.status_code, body) == (200, CONTENT)
    assert response["content-type"] == "audio/ogg"
    assert response["content-length"] == str(len(CONTENT))
    assert response["accept-ranges"] == "bytes"
    assert response["cache-control"] == "private, no-store"
    assert response["content-security-policy"] == "sandbox"
    assert "content-disposition" not in response


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 256_000),
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=100-99999999", 100, 256_000),
        ("bytes=-10", 255_990, 256_000),
        ("bytes=-99999999", 0, 256_000),
        ("bytes = 255999 - 255999", 255_999, 256_000),
    ],
)
async def test_a_part(storage: str, name: str, sealing: str, asked: str, start: int, end: int) -> None:
    store.put(name, [CONTENT])
    response, body = await get(link_to(name, content_type="audio/ogg"), range=asked)
    assert (response.status_code, body) == (206, CONTENT[start:end])
    assert response["content-range"] == f"bytes {start}-{end - 1}/256000"
    assert response["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_part_that_is_not_there(storage: str, name: str, asked: str) -> None:
    response, body = await get(link_to(name, content_type="audio/ogg"), range=asked)
    assert (response.status_code, body, response["content-range"]) == (416, b"", "bytes */256000")


@pytest.mark.parametrize(
    "asked", ["bytes=5-3", "bytes=-", "bytes=0-1,5-6", "lines=0-1", "x", f"bytes={'9' * 5000}-"]
)
async def test_what_is_no_range_is_answered_with_the_whole(storage: str, name: str, asked: str) -> None:
    response, body = await get(link_to(name, content_type="audio/ogg"), range=asked)
    assert (response.status_code, body) == (200, CONTENT)


async def test_a_part_of_a_version_that_nobody_knows_is_the_whole(storage: str, name: str) -> None:
    headers = {"range": "bytes=0-1", "if-range": '"then"'}
    response, body = await get(link_to(name, content_type="audio/ogg"), **headers)
    assert (response.status_code, body) == (200, CONTENT)


async def test_an_empty_file(storage: str, name: str, sealing: str) -> None:
    store.put(name, [])
    response, body = await get(link_to(name, content_type="text/csv"))
    assert (response.status_code, body, response["content-length"]) == (200, b"", "0")
    response, _ = await get(link_to(name, content_type="text/csv"), range="bytes=0-")
    assert response.status_code == 416


def test_its_size_alone(storage: str, name: str) -> None:
    response = Client().head(link_to(name, content_type="audio/ogg"))
    assert (response.status_code, response["content-length"], response.content) == (200, "256000", b"")
    response = Client().head(link_to(name, content_type="audio/ogg"), headers={"range": "bytes=0-9"})
    assert (response.status_code, response["content-length"]) == (206, "10")


def test_it_is_only_read(storage: str, name: str) -> None:
    assert Client().post(link_to(name, content_type="audio/ogg")).status_code == 405


async def test_it_is_downloaded_under_a_name(storage: str, name: str) -> None:
    response, _ = await get(link_to(name, content_type="text/csv", filename="Übersicht März.csv"))
    assert response["content-disposition"] == "attachment; filename*=utf-8''%C3%9Cbersicht%20M%C3%A4rz.csv"


async def test_it_ends(storage: str, name: str) -> None:
    link = link_to(name, content_type="audio/ogg")
    brief = link_to(name, content_type="audio/ogg", lives=timedelta(minutes=1))
    later = timezone.now() + timedelta(minutes=2)
    with mock.patch("apps.files.links.timezone.now", return_value=later):
        assert (await get(link))[0].status_code == 200
        response, body = await get(brief)
        assert (response.status_code, body.decode()) == (
            410,
            "This link has expired: open the page it was on again for a new one.",
        )
    with mock.patch("apps.files.links.timezone.now", return_value=later + LIVES):
        assert (await get(link))[0].status_code == 410


async def test_one_that_was_changed_leads_nowhere(storage: str, name: str) -> None:
    link = link_to(name, content_type="audio/ogg")
    other = signing.dumps({"n": name, "t": "audio/ogg", "f": "", "u": 9e9}, salt="another purpose")
    for changed in (link[:-1] + ("A" if link[-1] != "A" else "B"), f"/files/{other}", "/files/x"):
        response, body = await get(changed)
        assert (response.status_code, body) == (404, b"This address is not one of ours, or was changed.")


async def test_one_whose_file_is_gone_says_so(storage: str, name: str) -> None:
    link = link_to(name, content_type="audio/ogg")
    store.delete(name)
    response, body = await get(link)
    assert response.status_code == 410
    assert body.startswith(b"The file is gone")


async def test_one_whose_file_is_damaged_says_so(storage: str, name: str, settings: Any) -> None:
    settings.FILES_ENCRYPTION = True
    store.put(name, [CONTENT])
    link = link_to(name, content_type="audio/ogg")
    settings.ENCRYPTION_KEYS = {7: bytes(32)}
    response, body = await get(link)
    assert response.status_code == 500
    assert body.startswith(b"The file can't be read")
    assert b"AFS1" not in body
