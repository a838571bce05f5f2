"""What holds after every attack: the server lives, serves others, and wrote nothing of the attack down.

One server stands all attacks of a module, so that what one of them leaves behind meets the next.
"""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio
import structlog

from netra_backend.embedded.wiring import Addresses
from netra_backend.observability.logging import configure
from netra_backend.settings import Settings
from netra_backend.testing.client import LIFECYCLE
from netra_backend.tests.conftest import Servers, new_database
from netra_backend.tests.subject import Subject, canonical

CANARY = "canary-9f1c"
"""Part of every malicious input; whoever finds it in a log has found a leak."""

Unharmed = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of the module's server, which nobody waits for in the end."""
    return Settings(data_dir=tmp_path_factory.mktemp("data"), port=0, drain_s=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(servers: Servers) -> AsyncIterator[Addresses]:
    """The module's own database."""
    async with new_database(servers) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def subject(settings: Settings, addresses: Addresses) -> AsyncIterator[Subject]:
    """The application that is attacked."""
    async with canonical(settings, addresses) as running:
        yield running


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that this process logs, at the most talkative level."""
    root, level = list(logging.root.handlers), logging.root.level
    lines = io.StringIO()
    configure("debug", stream=lines)
    yield lines
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.basicConfig(handlers=root, level=level, force=True)


@pytest.fixture
def unharmed(subject: Subject, logged: io.StringIO) -> Unharmed:
    """Surrounds an attack: a bystander connected before it is served after it, and the log is clean.

    Arguments are what must not be in the log besides `CANARY`; `failures` is how many errors may be.
    """

    @asynccontextmanager
    async def around(*secrets: str, failures: int = 0) -> AsyncIterator[None]:
        bystander = await subject.account(tenant="bystanders")
        async with subject.connect(bystander) as client:
            yield
            accepted = await client.say("Still here?", agent="echo")
            events = await client.finished(accepted["run_id"])
            assert [event["type"] for event in events] == list(LIFECYCLE)
        async with subject.connect(bystander) as again:
            assert (await again.ask("ping"))["type"] == "pong"
        text = logged.getvalue()
        assert [secret for secret in (CANARY, *secrets) if secret in text] == []
        lines = [json.loads(line) for line in text.splitlines()]
        assert len([line for line in lines if line["level"] in ("error", "critical")]) == failures

    return around
