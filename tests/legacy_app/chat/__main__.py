"""`python -m chat`: serves until a signal asks to stop."""

import asyncio

from chat.main import running
from chat.serving import serving
from chat.settings import from_environment


async def main() -> None:
    """Print the address once connections are accepted."""
    settings = from_environment()
    async with running(settings) as (_, app), serving(app, settings.host, settings.port) as server:
        print(f"ready {server.url}", flush=True)
        await server.stopped()


if __name__ == "__main__":
    asyncio.run(main())
