"""Where files of tenants are kept."""

from pathlib import Path
from typing import Any

from antiphon.config.env import Env


def tenants_storage(env: Env, data_dir: Path) -> dict[str, Any]:
    """A storage as Django's STORAGES has it."""
    if env.files_storage == "folder":
        return {
            "BACKEND": "apps.files.folder.FolderStorage",
            "OPTIONS": {"location": data_dir / "files", "allow_overwrite": True},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env.s3_bucket,
            "endpoint_url": env.s3_endpoint_url,
            "region_name": env.s3_region,
            "access_key": env.s3_access_key_id,
            "secret_key": env.s3_secret_access_key,
            "file_overwrite": True,
            "default_acl": None,
            "querystring_auth": False,
        },
    }
