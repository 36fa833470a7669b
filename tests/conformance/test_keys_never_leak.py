"""No key of a tenant's is in what the running platform prints, tells or keeps, when its provider sends it back."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from tests.apps.hostile import HostileVendor, hostile_vendor
from tests.apps.leaks import CASES, Everything, heard, new_key, talk
from tests.apps.live import remote_session
from tests.platform_fixture import PROJECT, Platform


@pytest.fixture
async def vendor() -> AsyncIterator[HostileVendor]:
    async with hostile_vendor() as running:
        yield running


async def test_the_whole_platform_prints_and_keeps_no_key(platform: Platform, vendor: HostileVendor) -> None:
    """As an operator and a client use it: commands, sockets, and what all its processes print."""
    everything = Everything()
    keys = {fault: new_key() for fault in ("400", "echo")}
    for fault, key in keys.items():
        address = (f"--slug=leaky-{fault}", f"--base-url={vendor.at(fault)}")
        everything.add("printed", await manage(platform, "add_provider", "--tenant=demo", *address, key=key))
        for case in CASES:
            if case.vendor is None and case.dialect == "openai":
                model = f"leaky-{fault}/m" if case.kind == "language" else "local/dialogue"
                async with remote_session(platform, model) as session:
                    await talk(session, case.kind, f"leaky-{fault}/m")
                everything.add("events", heard(session))
    session_id = session.events[0]["session"]["id"]
    everything.add("event log", await manage(platform, "session_log", session_id, "--tenant=demo"))
    everything.add("printed", "\n".join(platform.log))
    assert vendor.seen == set(keys.values())
    assert "127.0.0.1" in everything.said["events"]
    assert "127.0.0.1" in everything.said["event log"]
    for key in keys.values():
        assert not everything.leaks(key)


async def manage(platform: Platform, *arguments: str, key: str = "") -> str:
    """What a command prints, which succeeds. It reads the key from standard input."""
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, PROJECT / "manage.py", *arguments, *(["--key=-"] if key else [])),
        env={**env, "ANTIPHON_DATA_DIR": str(platform.data_dir)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate(f"{key}\n".encode())
    assert process.returncode == 0, printed
    return printed.decode()
