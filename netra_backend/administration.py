"""The use cases of the command line beside serving: users, tokens, schema, and the doctor.

Each returns the text to print.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from netra_backend.app import Core, core, migrate
from netra_backend.domain.errors import NetraError, NotFound
from netra_backend.embedded import EmbeddedError
from netra_backend.embedded.wiring import stores
from netra_backend.serving import LOCAL_USER
from netra_backend.settings import Settings, SettingsError


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Core]:
    async with stores(settings) as addresses:
        await migrate(addresses)
        async with core(settings, addresses) as parts:
            yield parts


async def add_user(
    settings: Settings, email: str, *, tenant: str, password: str, roles: Sequence[str]
) -> str:
    """Add a user."""
    async with _open(settings) as parts:
        user = await parts.auth.users.add(email, tenant=tenant, password=password, roles=roles)
    return f"Added {user.email} (user {user.owner.user_id}, tenant {user.owner.tenant_id})."


async def disable_user(settings: Settings, email: str) -> str:
    """Shut a user out everywhere."""
    async with _open(settings) as parts:
        user = await parts.auth.disable(email)
    return f"Disabled {user.email}; open sockets close and runs stop."


async def issue_token(settings: Settings, email: str) -> str:
    """An access token."""
    async with _open(settings) as parts:
        return await _token(parts, email)


async def local_token(settings: Settings) -> str:
    """An access token of the local user of a data folder whose server runs."""
    if settings.database_url is not None or not settings.data_dir.is_dir():
        message = (
            "Log in with --email or --token: there is no local user here (or start `netra serve` first)."
        )
        raise SettingsError(message)
    return await issue_token(settings, LOCAL_USER)


async def upgrade_schema(settings: Settings) -> str:
    """Bring the schema to this version."""
    async with stores(settings) as addresses:
        await migrate(addresses)
    return "The schema is at this version."


async def examine(settings: Settings) -> str:
    """A line per check; those that start with FAIL name what to do."""
    lines = [_check("page", _page_built(), "run `make web` (needs Node 20)")]
    try:
        async with _open(settings) as parts:
            for store, answers in (await parts.readiness()).items():
                lines.append(_check(store, answers, "see NETRA_DATABASE_URL and NETRA_VALKEY_URL"))
            lines.append(_check("signing key", bool(parts.auth.keys.jwks()), "see NETRA_SIGNING_KEY"))
    except (SettingsError, EmbeddedError, NetraError) as error:
        lines.append(_check("stores", False, str(error)))
    return "\n".join(lines)


def _page_built() -> bool:
    return (Path(__file__).parent / "http" / "static" / "index.html").is_file()


def _check(what: str, good: bool, otherwise: str) -> str:
    return f"ok    {what}" if good else f"FAIL  {what}: {otherwise}"


async def _token(parts: Core, email: str) -> str:
    user = await parts.auth.users.find(email)
    if user is None:
        raise NotFound(f"There is no user {email}; add one with `netra user add`.")
    return (await parts.auth.issue(user)).access_token
