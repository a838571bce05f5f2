"""A process of the application under test, with a say in what it imports first. Holds no test.

    python -m tests.e2e.program gateway --first a.b,c.d --port 0 …
    python -m tests.e2e.program chat --root TREE --first … --port 0
    python -m tests.e2e.program bridged --root TREE --first … --port 0

`gateway` is `netra gateway`; `chat` is the sample application in a tree, as it is, with our agents; `bridged`
the same with the adapter between its service and its handlers. At SIGUSR1 it prints how many objects it holds.
"""

import argparse
import asyncio
import contextlib
import gc
import importlib
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

CHAT = {
    "database_url": "CHAT_DATABASE_URL",
    "app_database_url": "CHAT_APP_DATABASE_URL",
    "redis_url": "CHAT_REDIS_URL",
}


def main() -> None:
    """Import, then serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["gateway", "chat", "bridged"])
    parser.add_argument("--root", type=Path)
    parser.add_argument("--first", default="")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    if given.root is not None:
        sys.path.insert(0, str(given.root))
    signal.signal(signal.SIGUSR1, lambda *_: census())
    for name in filter(None, given.first.split(",")):
        importlib.import_module(name)
    if given.kind != "gateway":
        with bridges() if given.kind == "bridged" else contextlib.nullcontext():
            asyncio.run(chat(given.data_dir, given.port))
    else:
        from netra_backend.cli import main as netra

        sys.argv = ["netra", "gateway", "--data-dir", str(given.data_dir), "--port", str(given.port)]
        netra()


def bridges() -> contextlib.AbstractContextManager[None]:
    """The adapter, once the application is imported in its own order."""
    importlib.import_module("chat.main")
    from netra_backend.tests.bridge import bridged_service

    return bridged_service()


async def chat(data_dir: Path, port: int) -> None:
    """The sample application, as `python -m chat` starts it, but for its agents."""
    modules: Any = importlib.import_module
    serving, running = modules("chat.serving").serving, modules("chat.main").running
    settings = modules("chat.settings").Settings(
        **{field: os.environ[name] for field, name in CHAT.items()}, data_dir=data_dir
    )
    stores: list[Any] = []
    agents = our_agents(stores)
    async with running(settings, agents=agents) as (runtime, app), serving(app, "127.0.0.1", port) as server:
        stores.append(runtime.netra.store)
        say({"event": "ready", "url": server.url})
        await server.stopped()


def our_agents(stores: list[Any]) -> Any:
    """Those of the production-like stack. The demo agent looks into a store that is opened later."""
    from netra_backend.agents.demo import demo_agent
    from netra_backend.agents.runner import Agents
    from tests.e2e.agents import assistant

    async def search(*question: Any) -> Any:
        return await stores[0].search(*question)

    return Agents(default=assistant, default_name="assistant", named={"demo": demo_agent(search)})


def census() -> None:
    """Print what is alive in this process."""
    gc.collect()
    kinds = Counter(type(each).__qualname__ for each in gc.get_objects())
    say({"event": "census", "objects": sum(kinds.values()), "kinds": dict(kinds.most_common(60))})


def say(event: dict[str, Any]) -> None:
    """One line for whoever started this."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
