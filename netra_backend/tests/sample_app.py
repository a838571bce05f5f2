"""The sample application of the migration, imported from the tree of the phase. Holds no test.

Its package is `chat`. A process has one tree: that of `NETRA_SUBJECT_ROOT`, or the sample itself.
"""

import importlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from netra_backend.agents.runner import Agents
from netra_backend.embedded.wiring import Addresses
from netra_backend.settings import Settings
from netra_backend.testing.agents import ALL, echo

SAMPLE = Path(__file__).parents[2] / "tests" / "legacy_app"
"""The application before any migration."""


def root() -> Path:
    """The tree of this phase."""
    return Path(os.environ.get("NETRA_SUBJECT_ROOT", SAMPLE)).resolve()


def module(name: str) -> Any:
    """A module of the application. The first time all of it is imported, in the order of its start."""
    if str(root()) not in sys.path:
        sys.path.insert(0, str(root()))
        importlib.import_module("chat.main")
    return importlib.import_module(name)


@asynccontextmanager
async def running(
    settings: Settings, addresses: Addresses, *, worker: bool
) -> AsyncIterator[tuple[Any, Any]]:
    """The application's runtime and its ASGI application, with the agents of `testing.agents`."""
    chat_settings = module("chat.settings").Settings(
        database_url=addresses.owner_url,
        app_database_url=addresses.app_url,
        redis_url=addresses.valkey_url,
        data_dir=settings.data_dir,
    )
    agents = Agents(default=echo, default_name="echo", named=ALL)
    async with module("chat.main").running(
        chat_settings, agents=agents, netra_settings=settings, worker=worker
    ) as (runtime, app):
        yield runtime, app
