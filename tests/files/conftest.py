import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.tenancy import tenant_context

BUCKET = "tenants"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3, on the loopback, with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Files are kept as the environment says: in a folder, or in a bucket."""
    from antiphon.config.env import load_env
    from antiphon.config.settings.files import tenants_storage

    monkeypatch.setenv("FILES_STORAGE", request.param)
    if request.param == "s3":
        monkeypatch.setenv("S3_BUCKET", BUCKET)
        monkeypatch.setenv("S3_ENDPOINT_URL", request.getfixturevalue("s3_server"))
        monkeypatch.setenv("S3_REGION", "us-east-1")
        monkeypatch.setenv("S3_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "secret")
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            monkeypatch.delenv(name)
    settings.STORAGES = {**settings.STORAGES, "tenants": tenants_storage(load_env(), tmp_path)}
    return str(request.param)


@pytest.fixture(params=["plain", "sealed"])
def sealing(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.FILES_ENCRYPTION = request.param == "sealed"
    return str(request.param)


@pytest.fixture
def tenant() -> Iterator[uuid.UUID]:
    tenant_id = uuid.uuid4()
    with tenant_context(tenant_id):
        yield tenant_id
