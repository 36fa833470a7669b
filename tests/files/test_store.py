"""Files of tenants, in a folder and in a bucket, as they are and sealed."""

import threading
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command

from antiphon.config.env import EnvError, load_env
from apps.core.tenancy import CrossTenant, NoTenant, across_tenants, tenant_context
from apps.credentials.sealing import Unsealable
from apps.files import store
from apps.files.folder import UNFINISHED
from apps.files.sealing import CHUNK, HEADER
from apps.files.store import NoSuchFile, name_of

SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17)
TAG = 16
KEYS = {1: bytes(32), 2: bytes([2]) * 32}


def noise(size: int) -> bytes:
    return Random(size).randbytes(size)


def kept(content: bytes, *place: str) -> str:
    name = name_of(*(place or ("recordings", "one")))
    store.put(name, [content])
    return name


def read(name: str) -> bytes:
    return b"".join(store.read(name))


def raw(name: str) -> bytes:
    with storages["tenants"].open(name) as file:
        return bytes(file.read())


def overwrite(name: str, content: bytes) -> None:
    from django.core.files.base import ContentFile

    storages["tenants"].save(name, ContentFile(content))


@pytest.fixture
def sealed(settings: Any) -> None:
    settings.FILES_ENCRYPTION = True


def test_it_works_what_is_put_is_read(storage: str, sealing: str, tenant: uuid.UUID) -> None:
    for size in SIZES:
        content = noise(size)
        name = kept(content)
        found = store.find(name)
        assert (found.size, found.is_sealed) == (size, sealing == "sealed")
        assert read(name) == content
        stored = raw(name)
        assert found.stored == len(stored)
        assert (stored == content) == (sealing == "plain")
        if size > 16:
            assert (content[:16] in stored) == (sealing == "plain")


def test_any_part_of_it_is_read(storage: str, sealing: str, tenant: uuid.UUID) -> None:
    size = 3 * CHUNK + 17
    content = noise(size)
    found = store.find(kept(content))
    edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK, size - 1, size]
    for start, end in [*pairwise(edges), (0, size), (5, 5), (9, 3), (CHUNK // 2, 3 * CHUNK - 5)]:
        assert b"".join(store.read_range(found, start, end)) == content[start:end], (start, end)


def test_a_part_is_read_without_the_rest(
    storage: str, sealed: None, tenant: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = noise(40 * CHUNK)
    found = store.find(kept(content))
    fetched: list[int] = []
    plainly = store._range

    def watched(name: str, start: int, end: int) -> bytes:
        fetched.append(end - start)
        return plainly(name, start, end)

    monkeypatch.setattr(store, "_range", watched)
    assert b"".join(store.read_range(found, 20 * CHUNK + 5, 20 * CHUNK + 9)) == content[20 * CHUNK + 5 :][:4]
    assert fetched == [CHUNK + TAG]


def test_it_is_written_bit_by_bit_and_in_the_place_of_another(
    storage: str, sealing: str, tenant: uuid.UUID
) -> None:
    name = kept(noise(3 * CHUNK))
    pieces = [noise(7), b"", noise(CHUNK), noise(100)]
    stored = store.put(name, iter(pieces))
    assert read(name) == b"".join(pieces)
    assert stored == store.find(name).stored


def test_names_below_a_folder(storage: str, tenant: uuid.UUID) -> None:
    names = [kept(b"x", *place.split("/")) for place in ("a/1", "a/x", "a/b/3", "ab/4", "c/5")]
    assert list(store.names(name_of("a"))) == sorted(names[:3])
    assert list(store.names(name_of("nothing"))) == []
    assert set(store.names(f"{tenant}/")) == set(names)
    store.delete(names[0])
    store.delete(names[0])
    assert store.delete_all(name_of("a")) == sorted(names[1:3])
    assert store.delete_all(name_of("a")) == []
    assert set(store.names(f"{tenant}/")) == set(names[3:])
    with pytest.raises(NoSuchFile):
        store.find(names[1])
    store.delete_all(f"{tenant}/")


def test_what_is_gone_while_it_is_read_is_said(storage: str, tenant: uuid.UUID) -> None:
    found = store.find(kept(b"x"))
    store.delete(found.name)
    with pytest.raises(NoSuchFile):
        list(store.read_range(found, 0, 1))
    with pytest.raises(NoSuchFile):
        list(store.read(found.name))


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_another_tenants_can_not_be_named(storage: str, tenant: uuid.UUID) -> None:
    name = kept(b"x")
    with tenant_context(uuid.uuid4()):
        for reach in (store.find, store.delete, store.delete_all, lambda name: store.put(name, [])):
            with pytest.raises(CrossTenant):
                reach(name)
        with pytest.raises(CrossTenant):
            list(store.names(f"{tenant}/"))
        with pytest.raises(CrossTenant):
            store.find(name_of("..", str(tenant), "recordings", "one"))
    with across_tenants(reason="a test"):
        assert read(name) == b"x"
        with pytest.raises(CrossTenant, match="within one tenant"):
            name_of("recordings", "two")


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_without_a_tenant_there_are_no_files(storage: str) -> None:
    with pytest.raises(NoTenant):
        store.find("a/b")


def flipped(stored: bytes, at: int) -> bytes:
    return stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]


WHOLE = CHUNK + TAG
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the text": lambda stored: flipped(stored, HEADER + 5),
    "a bit of the salt": lambda stored: flipped(stored, 9),
    "a bit of the last tag": lambda stored: flipped(stored, len(stored) - 1),
    "a byte less": lambda stored: stored[:-1],
    "a byte more": lambda stored: stored + b"x",
    "the last chunk dropped": lambda stored: stored[: HEADER + 2 * WHOLE],
    "the first chunk dropped": lambda stored: stored[:HEADER] + stored[HEADER + WHOLE :],
    "chunks swapped": lambda stored: (
        stored[:HEADER]
        + stored[HEADER + WHOLE : HEADER + 2 * WHOLE]
        + stored[HEADER : HEADER + WHOLE]
        + stored[HEADER + 2 * WHOLE :]
    ),
    "a chunk twice": lambda stored: stored[: HEADER + WHOLE] + stored[HEADER:],
    "less than a tag left": lambda stored: stored[: HEADER + 2 * WHOLE + 3],
    "nothing but the header": lambda stored: stored[:HEADER],
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_sealed_file_that_was_changed_is_not_read(
    storage: str, sealed: None, tenant: uuid.UUID, change: str
) -> None:
    name = kept(noise(2 * CHUNK + 100))
    overwrite(name, CHANGES[change](raw(name)))
    with pytest.raises(Unsealable):
        read(name)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_sealed_file_can_not_take_anothers_place(storage: str, sealed: None, tenant: uuid.UUID) -> None:
    one, two = kept(b"one", "recordings", "one"), kept(b"two", "recordings", "two")
    overwrite(two, raw(one))
    assert read(one) == b"one"
    with pytest.raises(Unsealable, match="changed, or is another one"):
        read(two)


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_two_files_never_have_the_same_key(storage: str, sealed: None, tenant: uuid.UUID) -> None:
    name = kept(bytes(1000))
    first = raw(name)
    store.put(name, [bytes(1000)])
    assert first[8:HEADER] != raw(name)[8:HEADER]
    assert first[HEADER:] != raw(name)[HEADER:]


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_older_keys_read_and_files_can_be_sealed_anew(storage: str, settings: Any, tenant: uuid.UUID) -> None:
    settings.FILES_ENCRYPTION = False
    before = kept(b"before", "a")
    settings.FILES_ENCRYPTION, settings.ENCRYPTION_KEYS = True, {1: KEYS[1]}
    old = kept(b"old", "b")
    settings.ENCRYPTION_KEYS = KEYS
    new = kept(b"new", "c")
    assert [read(name) for name in (before, old, new)] == [b"before", b"old", b"new"]
    assert [store.reseal(name) for name in (before, old, new)] == [True, True, False]
    settings.ENCRYPTION_KEYS = {2: KEYS[2]}
    assert [read(name) for name in (before, old, new)] == [b"before", b"old", b"new"]
    assert all(store.find(name).is_sealed for name in (before, old, new))
    settings.ENCRYPTION_KEYS = {1: KEYS[1]}
    with pytest.raises(Unsealable, match="master key 2, which ENCRYPTION_KEYS does not have"):
        read(old)
    settings.ENCRYPTION_KEYS = {}
    with pytest.raises(Unsealable, match="No master key is set"):
        kept(b"no", "d")


@pytest.mark.django_db
@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_command_seals_all_that_is_there(
    storage: str, settings: Any, alice: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    # The test's rows are not there for the connection that sees all tenants.
    monkeypatch.setattr(
        "apps.files.management.commands.seal_files.across_tenants", lambda reason: nullcontext()
    )
    with tenant_context(alice.tenant.id):
        settings.FILES_ENCRYPTION = False
        names = [kept(b"plain", str(number)) for number in range(3)]
        with pytest.raises(CommandError, match="set FILES_ENCRYPTION=on first"):
            call_command("seal_files")
        settings.FILES_ENCRYPTION = True
        call_command("seal_files")
        assert "3 files were encrypted again" in capsys.readouterr().out
        assert all(store.find(name).is_sealed for name in names)
        overwrite(names[1], flipped(raw(names[1]), HEADER))
        settings.ENCRYPTION_KEYS = KEYS
        with pytest.raises(CommandError, match=r"Keep the older keys, for these were not:\n.*/1: "):
            call_command("seal_files")
        assert read(names[2]) == b"plain"


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_file_is_there_as_a_whole_or_not_at_all(storage: str, tenant: uuid.UUID, tmp_path: Path) -> None:
    name = kept(b"before")

    def dies() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put(name, dies())
    assert read(name) == b"before"
    # What a process that was killed left is no file, and goes with the others.
    left = tmp_path / "files" / f"{name.rpartition('/')[0]}/{UNFINISHED}x"
    left.write_bytes(b"half")
    assert list(store.names(f"{tenant}/")) == [name]
    assert store.delete_all(f"{tenant}/") == [name]
    assert not left.exists()


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_only_we_may_look_and_nothing_is_left_of_empty_folders(
    storage: str, tenant: uuid.UUID, tmp_path: Path
) -> None:
    name = kept(b"x", "a", "b", "c")
    path = tmp_path / "files" / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert {folder.stat().st_mode & 0o777 for folder in path.parents[:4]} == {0o700}
    store.delete(name)
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_files_that_come_while_others_go_are_kept(storage: str, tenant: uuid.UUID) -> None:
    def come_and_go(number: int) -> None:
        with tenant_context(tenant):
            for _ in range(50):
                name = kept(b"x", "a", "b", str(number))
                assert read(name) == b"x"
                store.delete(name)

    threads = [threading.Thread(target=come_and_go, args=[number]) for number in range(3)]
    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        threading.excepthook = hook
    assert not failed


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"FILES_STORAGE": "ftp"}, "FILES_STORAGE must be folder or s3, but is 'ftp'."),
        ({"FILES_STORAGE": "s3"}, "S3_BUCKET must be the name of a bucket where FILES_STORAGE is s3."),
        ({"FILES_ENCRYPTION": "yes"}, "FILES_ENCRYPTION must be on or off, but is 'yes'."),
        (
            {"FILES_STORAGE": "s3", "S3_BUCKET": "b", "S3_ENDPOINT_URL": "minio:9000"},
            "S3_ENDPOINT_URL must be an address that starts with http:// or https://, but is 'minio:9000'.",
        ),
    ],
)
def test_a_wrong_setting_is_a_sentence(
    variables: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvError) as error:
        load_env()
    assert str(error.value) == sentence


def test_s3_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_STORAGE", "s3")
    monkeypatch.setenv("S3_BUCKET", "b")
    monkeypatch.setattr("antiphon.config.env.find_spec", lambda name: None)
    with pytest.raises(
        EnvError, match=r"FILES_STORAGE=s3 needs boto3: run .* -r deploy/requirements/s3\.txt"
    ):
        load_env()
