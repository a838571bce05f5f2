"""Where the stores are: those that the settings name, or embedded ones, started for as long as they are needed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from netra_backend.embedded import EmbeddedPostgres, EmbeddedValkey
from netra_backend.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the stores are. `owner_url` may change the schema."""

    app_url: str
    owner_url: str
    valkey_url: str


@asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[Addresses]:
    """The stores that the settings name, or embedded ones that end with this block."""
    if settings.database_url is not None and settings.valkey_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        yield Addresses(
            app_url=url,
            owner_url=owner.get_secret_value() if owner else url,
            valkey_url=settings.valkey_url.get_secret_value(),
        )
        return
    async with AsyncExitStack() as stack:
        app_url, owner_url = await _postgres(settings, stack)
        yield Addresses(app_url=app_url, owner_url=owner_url, valkey_url=await _valkey(settings, stack))


async def _postgres(settings: Settings, stack: AsyncExitStack) -> tuple[str, str]:
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        owner = settings.database_owner_url
        return url, owner.get_secret_value() if owner else url
    server = EmbeddedPostgres(settings.data_dir / "postgres")
    stack.push_async_callback(server.stop)
    address = await server.start()
    return address.app_url, address.owner_url


async def _valkey(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.valkey_url is not None:
        return settings.valkey_url.get_secret_value()
    server = EmbeddedValkey(settings.data_dir / "valkey")
    stack.push_async_callback(server.stop)
    return (await server.start()).url
