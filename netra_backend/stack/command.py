"""`netra stack`: a local stack with a table of what runs, until it is asked to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator

from pydantic import SecretStr

from netra_backend.app import core
from netra_backend.serving import offer_login
from netra_backend.settings import ENV_PREFIX, Settings
from netra_backend.stack.local import LocalStack

ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP too: a closed terminal should drain like Ctrl-C."""


async def run_stack(settings: Settings, *, gateways: int, workers: int, port: int) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP, then drain everything in order; a second signal cuts it short.

    Raises:
        StackError: a process does not start, or the data folder is in use.
        SettingsError: a setting does not work.
        EmbeddedError: a store does not start.
    """
    stack = _stack(settings, gateways=gateways, workers=workers, port=port)
    loop = asyncio.get_running_loop()
    began = loop.time()
    running = asyncio.create_task(_start(stack), name="stack")
    stopping = asyncio.Event()

    def asked() -> None:
        running.cancel()  # nothing happens once it has started
        if stopping.is_set():
            stack.kill()
        stopping.set()

    for number in ASKED:
        loop.add_signal_handler(number, asked)
    try:
        await asyncio.wait([running])
        if not running.cancelled():
            running.result()
            await _greet(stack, settings, loop.time() - began)
            await stopping.wait()
        _say("Stopping: gateways, then workers, then the stores.")
    finally:
        await stack.stop()
    _say("Stopped.")


async def _start(stack: LocalStack) -> None:
    await stack.start_stores()
    await stack.start_processes()


async def _greet(stack: LocalStack, settings: Settings, seconds: float) -> None:
    """Say what runs where, and on stores of our own offer a login."""
    _say(f"{len(stack.processes)} processes ready in {seconds:.1f} s\n")
    for row in _table(stack):
        _say(row)
    if settings.database_url is None:
        async with core(stack.settings(), stack.addresses) as parts:
            await offer_login(parts, stack.gateways[0].url)
    else:
        _say("")
    _say(f"  Logs are in {stack.logs}. What ends is started again. Ctrl-C stops everything in order.\n")


def _table(stack: LocalStack) -> Iterator[str]:
    yield f"  {'name':<12}{'pid':<10}address"
    for process in stack.gateways:
        yield f"  {process.name:<12}{process.pid:<10}{process.url}"
    for process in stack.workers:
        yield f"  {process.name:<12}{process.pid:<10}{process.url}/health/ready"
    for store in (stack.postgres, stack.valkey):
        if store is not None:
            yield f"  {store.name:<12}{store.pid:<10}127.0.0.1:{store.port}"


def _stack(settings: Settings, *, gateways: int, workers: int, port: int) -> LocalStack:
    """A stack of processes with the settings that this one was given."""

    def named(url: object) -> str | None:
        return url.get_secret_value() if isinstance(url, SecretStr) else None

    return LocalStack(
        data_dir=settings.data_dir,
        gateways=gateways,
        workers=workers,
        port=port,
        agent=settings.agent,
        model=settings.model,
        model_base_url=settings.model_base_url,
        environ={name: value for name, value in os.environ.items() if name.startswith(ENV_PREFIX)},
        database_url=named(settings.database_url),
        owner_url=named(settings.database_owner_url),
        valkey_url=named(settings.valkey_url),
        say=_say,
    )


def _say(line: str) -> None:
    """For the person at the terminal; the log lines of the processes are in their files."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
