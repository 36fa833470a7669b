import base64
import uuid
from dataclasses import replace

import pytest

from apps.credentials.sealing import Place, Unsealable, seal, sealed_by_newest, unseal

SECRET = "gsk-secret"
KEYS = {1: b"1" * 32}
BOTH = {1: b"1" * 32, 2: b"2" * 48}
HERE = Place(uuid.UUID(int=1), "table", "field", uuid.UUID(int=2))


def test_it_works() -> None:
    sealed = seal(SECRET, HERE, KEYS)
    assert sealed.startswith("v1:1:")
    assert SECRET not in sealed
    assert SECRET.encode() not in base64.b64decode(sealed.rpartition(":")[2])
    assert unseal(sealed, HERE, KEYS) == SECRET


def test_a_secret_looks_different_each_time() -> None:
    assert seal(SECRET, HERE, KEYS) != seal(SECRET, HERE, KEYS)


def test_the_newest_key_seals_and_all_open() -> None:
    old, new = seal(SECRET, HERE, KEYS), seal(SECRET, HERE, BOTH)
    assert new.startswith(sealed_by_newest(BOTH))
    assert not old.startswith(sealed_by_newest(BOTH))
    assert unseal(old, HERE, BOTH) == unseal(new, HERE, BOTH) == SECRET


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, tenant_id=uuid.UUID(int=3)),
        replace(HERE, table="other"),
        replace(HERE, field="other"),
        replace(HERE, row_id=uuid.UUID(int=3)),
    ],
    ids=["tenant", "table", "field", "row"],
)
def test_copied_to_another_place_it_cannot_be_opened(elsewhere: Place) -> None:
    with pytest.raises(Unsealable, match="was not sealed here"):
        unseal(seal(SECRET, HERE, KEYS), elsewhere, KEYS)


def test_changed_it_cannot_be_opened() -> None:
    head, _, data = seal(SECRET, HERE, KEYS).rpartition(":")
    raw = bytearray(base64.b64decode(data))
    for position in range(len(raw)):
        changed = bytes(byte ^ (index == position) for index, byte in enumerate(raw))
        with pytest.raises(Unsealable, match="was not sealed here"):
            unseal(f"{head}:{base64.b64encode(changed).decode()}", HERE, KEYS)


def test_the_number_of_its_key_cannot_be_changed() -> None:
    sealed = seal(SECRET, HERE, KEYS).replace("v1:1:", "v1:2:")
    with pytest.raises(Unsealable, match="was not sealed here with the master key 2"):
        unseal(sealed, HERE, BOTH)


def test_without_its_key_it_cannot_be_opened() -> None:
    with pytest.raises(Unsealable, match="the master key 2, which ENCRYPTION_KEYS does not have"):
        unseal(seal(SECRET, HERE, BOTH), HERE, KEYS)


def test_without_any_key_nothing_is_sealed() -> None:
    with pytest.raises(Unsealable, match="set ENCRYPTION_KEYS"):
        seal(SECRET, HERE, {})


@pytest.mark.parametrize("text", ["", SECRET, "v2:1:AAAA", "v1:x:AAAA", "v1:1:***", "v1:1:", "v1:1:AAAA"])
def test_what_was_never_sealed_cannot_be_opened(text: str) -> None:
    with pytest.raises(Unsealable) as refused:
        unseal(text, HERE, KEYS)
    assert SECRET not in str(refused.value)
