"""Everything that the environment decides, read once and checked.

Each variable may also be given as `NAME_FILE`, the path of a file that holds the value (Docker and Kubernetes
mount secrets so). A value that is empty counts as unset.
"""

import json
import os
import re
import sys
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from antiphon.outbound.policy import OutboundPolicy

PROJECT = Path(__file__).resolve().parents[3]


class EnvError(Exception):
    """A variable has a value that is not allowed. The message is one sentence for each."""


def _split_words(value: object) -> object:
    return tuple(filter(None, re.split(r"[,\s]+", value))) if isinstance(value, str) else value


def _checked_hosts(words: tuple[str, ...]) -> tuple[str, ...]:
    OutboundPolicy.allowing(words)
    return words


def _split_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    keys: dict[int, bytes] = {}
    for number, separator, key in (part.partition(":") for part in value.split(",")):
        if not separator or int(number) in keys or len(bytes.fromhex(key)) < 32:
            raise ValueError
        keys[int(number)] = bytes.fromhex(key)
    return keys


def _an_address(value: str) -> str:
    if ip_address(value).is_unspecified:
        raise ValueError
    return value


def _setting(allowed: str, default: Any = None, *, secret: bool = False, **limits: Any) -> Any:
    """A field whose description completes the sentence "NAME must be ..."; a secret is never shown."""
    return Field(default, description=allowed, repr=not secret, **limits)


class OidcProvider(BaseModel):
    """A server by which people sign in; `id` is part of its call-back address."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    name: str = Field(min_length=1)
    server_url: str = Field(pattern=r"^https?://")
    client_id: str = Field(min_length=1)
    secret: str = ""


def _parsed_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split_words)]
Hosts = Annotated[Words, AfterValidator(_checked_hosts)]
Keys = Annotated[dict[int, bytes], BeforeValidator(_split_keys)]

OidcProviders = Annotated[tuple[OidcProvider, ...], BeforeValidator(_parsed_json)]
Address = Annotated[str, AfterValidator(_an_address)]

_HTTP = r"^https?://"
_BASE_URL = "an address that starts with http:// or https://"
_KEYS = (
    "numbered keys of at least 64 hex digits, like 1:<hex>,2:<hex>; the highest number is used for new ones"
)
_NAME = "a name like provider/model"


class Env(BaseSettings):
    """One attribute for each variable, in lower case. See `env()`."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    host: str = _setting("an address to listen on, like 127.0.0.1 or 0.0.0.0", "127.0.0.1")
    port: int = _setting("a port number from 1 to 65535", 8000, ge=1, le=65535)
    debug: bool = _setting("true or false", False)
    allowed_hosts: Words = _setting(
        "host names with commas between them", ("localhost", "127.0.0.1", "[::1]")
    )

    public_url: str | None = _setting(
        "the address people use, like https://voice.example.com", pattern=r"^https?://[^/]+/?$"
    )
    tenant_domain: str | None = _setting(
        "the domain below which each tenant has its own host name, like voice.example.com",
        pattern=r"^[a-z0-9.-]+$",
    )
    trusted_proxies: int = _setting(
        "the number of proxies in front that add to X-Forwarded-For, from 0 to 10", 0, ge=0, le=10
    )

    # How people sign in, and the mail they get.
    sign_up: Literal["open", "invited"] = _setting(
        "open, or invited, where only those get an account whom a member has invited", "open"
    )
    email_url: str | None = _setting(
        "an address that starts with smtp:// or smtps://, like smtp://user:password@mail.example.com:587",
        secret=True,
        pattern=r"^smtps?://[^/?]+(\?tls=off)?$",
    )
    default_from_email: str = _setting(
        "the address that mail comes from, like Antiphon <antiphon@example.com>",
        "Antiphon <antiphon@localhost>",
    )
    oidc_providers: OidcProviders = _setting(
        "a JSON list of objects with id, name, server_url, client_id and secret", (), secret=True
    )
    github_client_id: str | None = _setting("the client id of an OAuth app")
    github_client_secret: str | None = _setting("the secret of an OAuth app", secret=True)

    antiphon_data_dir: Path = _setting("the path of a folder", PROJECT / ".antiphon")
    antiphon_web_processes: int = _setting("a whole number from 1 to 256", 1, ge=1, le=256)
    antiphon_drain_seconds: float = _setting("a number of seconds from 0 to 86400", 30.0, ge=0, le=86_400)

    antiphon_relay_host: Address = _setting(
        "an IP address of this machine that its other web processes reach, and no wildcard",
        "127.0.0.1",
    )
    antiphon_lease_seconds: float = _setting("a number of seconds from 1 to 300", 15.0, ge=1, le=300)

    # `up` fills these in where they are missing.
    database_url: str | None = _setting(
        "an address that starts with postgresql://", secret=True, pattern=r"^postgres(ql)?://"
    )
    across_database_url: str | None = _setting(
        "the postgresql:// address of the same database for the role that bypasses row security",
        secret=True,
        pattern=r"^postgres(ql)?://",
    )
    redis_url: str | None = _setting(
        "an address that starts with redis://, rediss:// or unix://",
        secret=True,
        pattern=r"^(rediss?|unix)://",
    )
    secret_key: str | None = _setting("a text of at least 32 characters", secret=True, min_length=32)
    api_key_peppers: Keys = _setting(_KEYS, {}, secret=True)
    encryption_keys: Keys = _setting(_KEYS, {}, secret=True)

    model_dir: Path | None = _setting("the path of a folder")
    default_model: str | None = _setting(_NAME, pattern="^[^/]+/.+$")
    default_stt: str | None = _setting(_NAME, pattern="^[^/]+/.+$")
    default_tts: str | None = _setting(_NAME, pattern="^[^/]+/.+$")
    inference_threads: int = _setting("a whole number from 1 to 256", os.cpu_count() or 1, ge=1, le=256)

    # One server of each kind that speaks OpenAI's HTTP API.
    llm_base_url: str | None = _setting(_BASE_URL, pattern=_HTTP)
    llm_api_key: str | None = _setting("a key", secret=True)
    llm_model: str | None = _setting("the server's name for a model")
    stt_base_url: str | None = _setting(_BASE_URL, pattern=_HTTP)
    stt_api_key: str | None = _setting("a key", secret=True)
    stt_model: str | None = _setting("the server's name for a model")
    tts_base_url: str | None = _setting(_BASE_URL, pattern=_HTTP)
    tts_api_key: str | None = _setting("a key", secret=True)
    tts_model: str | None = _setting("the server's name for a model")
    tts_voice: str | None = _setting("the server's name for a voice")

    # What tenants may reach besides the public internet.
    outbound_allow: Hosts = _setting(
        "host names, addresses or networks with commas between them, like tools.internal or 10.0.0.0/8", ()
    )

    api_requests_per_minute: int = _setting("a whole number, at least 1", 600, ge=1)
    session_max_seconds: int = _setting("a whole number of seconds, at least 1", 3600, ge=1)
    session_resume_seconds: float = _setting("a number of seconds from 0 to 600", 30.0, ge=0, le=600)
    sessions_per_tenant: int = _setting("a whole number, at least 1", 20, ge=1)
    session_log_days: int = _setting("a whole number of days, at least 1", 30, ge=1)
    transcript_days: int = _setting("a whole number of days, at least 1", 90, ge=1)
    recording_days: int = _setting("a whole number of days, at least 1", 30, ge=1)
    redactor: str = _setting(
        "the dotted path of a class, like antiphon.redaction.Patterns",
        "antiphon.redaction.Patterns",
        pattern=r"^[a-zA-Z_]\w*(\.[a-zA-Z_]\w*)+$",
    )
    events_per_second: int = _setting("a whole number, at least 1", 1000, ge=1)
    sessions_per_key: int | None = _setting("a whole number, at least 1", ge=1)
    events_per_second_per_key: int | None = _setting("a whole number, at least 1", ge=1)
    sessions_per_address: int | None = _setting("a whole number, at least 1", ge=1)

    # Files of tenants: recordings, reports, exports.
    files_storage: Literal["folder", "s3"] = _setting("folder or s3", "folder")
    files_encryption: Literal["on", "off"] = _setting("on or off", "off")
    s3_bucket: str | None = _setting("the name of a bucket")
    s3_endpoint_url: str | None = _setting(_BASE_URL, pattern=_HTTP)
    s3_region: str | None = _setting("the name of a region, like eu-central-1")
    s3_access_key_id: str | None = _setting("the id of an access key")
    s3_secret_access_key: str | None = _setting("the secret of an access key", secret=True)

    # Money.
    billing: Literal["on", "off"] = _setting(
        "on, where sessions end when a workspace has nothing left to spend, or off", "off"
    )
    plans_file: Path | None = _setting("the path of a JSON file")
    stripe_secret_key: str | None = _setting(
        "a secret or restricted key of Stripe, which starts with sk_ or rk_", secret=True, pattern=r"^[sr]k_"
    )
    stripe_webhook_secret: Words = _setting(
        "the signing secret of the webhook endpoint, or several with commas between them", (), secret=True
    )
    stripe_tax: bool = _setting("true or false", False)
    billing_grace_days: int = _setting("a whole number of days from 0 to 90", 7, ge=0, le=90)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (_EnvironmentOrFile(settings_cls),)


class _EnvironmentOrFile(PydanticBaseSettingsSource):
    """Takes each field from NAME, or from the file that NAME_FILE names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return variable(field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def variable(name: str) -> str | None:
    """The value of NAME, or of the file that NAME_FILE names. Raises EnvError."""
    value, path = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if value and path:
        raise EnvError(f"{name} and {name}_FILE are both set: keep one of them.")
    if path:
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise EnvError(
                f"{name}_FILE must be the path of a readable file, but {path!r} is not: {reason}."
            ) from None
    return value or None


def env_data_dir() -> Path:
    """The data folder alone, for what must be known before the rest is read. Raises EnvError."""
    given = variable("ANTIPHON_DATA_DIR")
    return (Path(given) if given else PROJECT / ".antiphon").absolute()


def load_env() -> Env:
    """Read the environment as it is now. Raises EnvError."""
    try:
        found = Env()
    except ValidationError as error:
        raise EnvError(
            "\n".join(dict.fromkeys(_sentence(str(e["loc"][0])) for e in error.errors()))
        ) from None
    if bool(found.database_url) != bool(found.across_database_url):
        raise EnvError(
            "DATABASE_URL and ACROSS_DATABASE_URL must be set together: they name one database, "
            "for the role that row security binds and for the role that bypasses it."
        )
    if found.files_storage == "s3":
        _require_s3(found)
    return found


def _require_s3(found: Env) -> None:
    if not found.s3_bucket:
        raise EnvError("S3_BUCKET must be the name of a bucket where FILES_STORAGE is s3.")
    if find_spec("boto3") is None:
        raise EnvError(
            "FILES_STORAGE=s3 needs boto3: run  .venv/bin/python -m pip install --no-deps --require-hashes "
            "-r deploy/requirements/s3.txt  first."
        )


@cache
def env() -> Env:
    """The environment of this process. A wrong value ends the process with a sentence and exit code 2."""
    try:
        return load_env()
    except EnvError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _sentence(field_name: str) -> str:
    field, name = Env.model_fields[field_name], field_name.upper()
    if not field.repr:
        return f"{name} must be {field.description}; what is set is not (a secret, so it is not shown)."
    given = os.environ.get(name) or f"what {name}_FILE holds"
    return f"{name} must be {field.description}, but is {given!r}."
