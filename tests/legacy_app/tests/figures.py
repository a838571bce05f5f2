"""How fast the service is, for `netra migrate gate`: prints one JSON object of milliseconds.

Over a real socket, on the stores of CHAT_DATABASE_URL and CHAT_REDIS_URL, or servers of its own.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from chat.main import running
from chat.serving import serving
from tests.conftest import Service, new_settings, own_stores

WARM_UP = 5
MESSAGES = 30


async def measured(service: Service) -> dict[str, float]:
    """The median until a message is answered.

    Not until it is accepted: one kind of handlers accepts before it stores, the other one afterwards.
    """
    took = []
    async with service.browser(await service.login()) as browser:
        for _ in range(WARM_UP + MESSAGES):
            began = time.perf_counter()
            await browser.send("user_message", {"text": "6 * 7"})
            await browser.until("agent_completed")
            took.append(time.perf_counter() - began)
    return {"answered_ms": 1000 * statistics.median(took[WARM_UP:])}


async def main() -> None:
    """Start the service, measure, stop, print."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            own_stores(Path(folder)) as stores,
            new_settings(stores, Path(folder)) as settings,
            running(settings) as (runtime, app),
            serving(app, "127.0.0.1", 0) as server,
        ):
            figures = await measured(Service(server.url, runtime))
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
