"""Settings, read once at the edge: environment over `netra.toml` over defaults. Frozen afterwards.

Every field is documented in `docs/settings.md`, which a check compares with this file.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

ENV_PREFIX = "NETRA_"


class SettingsError(Exception):
    """A setting is wrong; the message is one plain sentence with the setting's name."""


class Issuer(BaseModel):
    """An external issuer of tokens: tokens with this `iss` and `aud`, signed by a key of `jwks_url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: str = Field(pattern=r"^https://|^http://(127\.0\.0\.1|localhost|\[::1\])[:/]")
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")


class Settings(BaseModel):
    """All settings. Environment names are `NETRA_` and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        default=Path(".netra"), description="Folder of the embedded stores and the signing key."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]+$",
        description="Address that people use, when a proxy stands in front; its origin may use the cookie.",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Further page origins that may use the cookie, separated by commas."
    )
    log_level: str = Field(
        default="info",
        pattern=r"^(debug|info|warning|error)$",
        description="Least important level that is logged: debug, info, warning or error.",
    )

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL to use instead of the embedded one."
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        description="The same database as a role that may change the schema; by default `database_url`.",
    )
    database_pool: int = Field(
        default=10, ge=2, le=200, description="Connections to PostgreSQL of one process."
    )
    valkey_url: SecretStr | None = Field(
        default=None,
        description="Valkey or Redis to use instead of the embedded one: a server, or any one of a Cluster.",
    )

    signing_key: SecretStr | None = Field(
        default=None,
        description="Ed25519 private key (PEM) that signs tokens; by default one is made in the data folder.",
    )
    issuer: str = Field(default="netra", description="The `iss` of tokens made here.")
    audience: str = Field(default="netra", description="The `aud` of tokens made here.")
    external_issuers: tuple[Issuer, ...] = Field(
        default=(), description="Other issuers whose tokens are accepted (only in `netra.toml`)."
    )
    token_ttl_s: int = Field(default=3600, ge=70, le=86400, description="Seconds that an access token lives.")
    session_ttl_s: int = Field(
        default=30 * 86400, ge=300, description="Seconds that a login lives; tokens can be renewed so long."
    )
    cookie_secure: bool | None = Field(
        default=None, description="Whether the cookie needs HTTPS; by default as the request came."
    )

    max_frame_bytes: int = Field(
        default=65536, ge=1024, le=16 * 1024 * 1024, description="Largest frame that a client may send."
    )
    heartbeat_s: float = Field(
        default=15.0, ge=0.1, le=120, description="Seconds between heartbeats of a connection."
    )
    auth_timeout_s: float = Field(
        default=5.0, ge=0.1, le=60, description="Seconds that a client has to send `authenticate`."
    )
    start_silence_s: float = Field(
        default=1.0,
        ge=0.05,
        le=10,
        description="Seconds of silence after which durable events start without a `resume`.",
    )
    ping_interval_s: float = Field(
        default=20.0,
        ge=1,
        le=120,
        description="Seconds between WebSocket pings, and until one that is not answered ends the connection.",
    )
    outbox_bytes: int = Field(
        default=1024 * 1024,
        ge=65536,
        description="Bytes that may wait for a slow client before it is closed with 4008.",
    )
    close_patience_s: float = Field(
        default=5.0,
        ge=0.1,
        le=60,
        description="Seconds that a socket which is being closed has to take what waits; then it is cut.",
    )
    frames_per_second: float = Field(
        default=50.0, ge=0.1, description="Frames a second that one connection may send for long."
    )
    frames_burst: int = Field(default=200, ge=1, description="Frames that one connection may send at once.")
    user_frames_per_second: float = Field(
        default=200.0,
        ge=0.1,
        description="Frames a second that one user may send for long, over all connections and gateways.",
    )
    user_frames_burst: int = Field(
        default=1000, ge=1, description="Frames that one user may send at once, over all of these."
    )
    bad_frames_limit: int = Field(
        default=20,
        ge=1,
        description="Bad frames, less the good ones since, after which a connection is closed with 4500.",
    )
    connections_per_user: int = Field(
        default=50, ge=1, description="Connections that one user may have, over all gateways."
    )
    queue_limit_per_tenant: int = Field(
        default=5000,
        ge=1,
        description="Queued runs of one tenant after which messages are refused as `busy`.",
    )

    page_limit: int = Field(
        default=200, ge=1, le=200, description="Messages or threads in one page, whatever is asked for."
    )
    page_bytes: int = Field(
        default=1024 * 1024,
        ge=65536,
        description="Bytes of text in one page of history; the rest is in the next page.",
    )
    max_body_bytes: int = Field(
        default=65536, ge=1024, le=16 * 1024 * 1024, description="Largest body of an HTTP request."
    )
    max_header_bytes: int = Field(
        default=32768, ge=4096, description="Bytes of the address and all headers of one request, at most."
    )
    max_headers: int = Field(default=100, ge=20, description="Headers of one request, at most.")
    header_timeout_s: float = Field(
        default=10.0, ge=0.1, le=120, description="Seconds that the headers of a request may take to come."
    )
    login_attempts: int = Field(
        default=10,
        ge=1,
        description="Wrong passwords for one account from one address before one in ten seconds is left.",
    )
    login_attempts_per_account: int = Field(
        default=100,
        ge=1,
        description="Wrong passwords for one account from all addresses before one in ten seconds is left.",
    )
    login_attempts_per_address: int = Field(
        default=500,
        ge=1,
        description="Wrong passwords from one address, which an office may share, before one a second is left.",
    )
    trace_entries: int = Field(
        default=20_000,
        ge=0,
        le=1_000_000,
        description="Steps of events that one process remembers for the operators' delivery trace.",
    )

    dashboard_reports: Path | None = Field(
        default=None,
        description="Folder whose reports of tests, performance and migration all operators see at `/dashboard`.",
    )

    worker_slots: int = Field(
        default=200, ge=1, le=10000, description="Runs that one worker executes at once."
    )
    lease_s: float = Field(
        default=15.0,
        ge=1,
        description="Seconds after which the runs of a silent worker are taken by another.",
    )
    poll_s: float = Field(
        default=1.0, ge=0.05, description="Seconds between looks at the queue when nothing wakes a worker."
    )
    run_timeout_s: float = Field(
        default=600.0, ge=1, description="Seconds after which a run is ended as `timed_out`."
    )
    drain_s: float = Field(
        default=20.0,
        ge=0,
        description="Seconds that a stopping worker gives its runs before it hands them back.",
    )

    agent: str | None = Field(default=None, description="Your agent, as `module:object`.")
    model: str = Field(
        default="demo", description="`demo`, `local`, or a model name such as `openai:gpt-4o`."
    )
    model_base_url: str | None = Field(
        default=None, description="Any OpenAI-compatible endpoint for `model`."
    )
    model_api_key: SecretStr | None = Field(default=None, description="Key for the model's provider.")

    @field_validator("allowed_origins", "external_issuers", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )


Overrides = Annotated[Mapping[str, Any], "field name to value; None values are ignored"]


def load(overrides: Overrides, *, environ: Mapping[str, str] = os.environ, folder: Path = Path()) -> Settings:
    """Settings from `overrides` (the command line) over environment over `netra.toml` in `folder`.

    Raises:
        SettingsError: a value is out of range, of a wrong type, or its name is unknown.
    """
    values = {**_from_file(folder / "netra.toml"), **_from_environ(environ)}
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error, values)) from None


def masked(settings: Settings) -> dict[str, Any]:
    """The settings for people to read: secrets as `**********`."""
    return settings.model_dump(mode="json")


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not valid TOML: {error}."
        raise SettingsError(message) from None


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    known = {ENV_PREFIX + name.upper(): name for name in Settings.model_fields}
    return {known[key]: value for key, value in environ.items() if key in known and value != ""}


def _sentence(error: ValidationError, values: Mapping[str, Any]) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden" and name in values:
        return f"Setting {name} is not known; see `netra config show` for the names."
    where = ".".join(str(part) for part in first["loc"])
    reason = re.sub(r"^(input|string|value) should", "it must", first["msg"], flags=re.IGNORECASE)
    return f"Setting {where} ({ENV_PREFIX}{name.upper()}): {reason[0].lower()}{reason[1:]}."
