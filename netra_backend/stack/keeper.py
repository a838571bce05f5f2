"""Starts again what ended by itself, with a back-off, and says so in a line."""

import asyncio
import signal
from collections.abc import Callable

from netra_backend.embedded import EmbeddedError
from netra_backend.stack.process import NetraProcess, StackError
from netra_backend.stack.stores import Stores

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 30.0
"""Seconds of life after which an end counts as the first one again."""
LOOK_S = 0.5
"""Seconds between looks at the stores."""

Say = Callable[[str], None]
"""Takes a line for the person at the terminal."""


async def keep(process: NetraProcess, say: Say) -> None:
    """Start `process`, which runs, again whenever it ends; until cancelled."""
    loop = asyncio.get_running_loop()
    wait_s = 0.0
    while True:
        began = loop.time()
        code = await process.ended()
        wait_s = next_wait(wait_s, lived_s=loop.time() - began)
        say(f"{process.name} {how_it_ended(code)}; starting it again in {wait_s:g} s.")
        while not await _started(process, wait_s, say):
            wait_s = next_wait(wait_s, lived_s=0)


async def keep_stores(stores: Stores, say: Say) -> None:
    """Start embedded stores again when they end; until cancelled."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await stores.revive(say)
        except EmbeddedError as error:
            say(str(error))
            await asyncio.sleep(LONGEST_WAIT_S)


def next_wait(wait_s: float, *, lived_s: float) -> float:
    """Seconds to wait before the next start, given the last wait and how long the process lived."""
    if lived_s >= STEADY_S:
        return FIRST_WAIT_S
    return min(max(FIRST_WAIT_S, wait_s * 2), LONGEST_WAIT_S)


def how_it_ended(code: int) -> str:
    """An exit code for people."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has a number only
        return f"was ended by signal {-code}"


async def _started(process: NetraProcess, wait_s: float, say: Say) -> bool:
    await asyncio.sleep(wait_s)
    try:
        if not process.alive:  # a test may have been faster
            await process.start()
    except StackError as error:
        process.kill()
        await process.ended()
        say(str(error))
        return False
    say(f"{process.name} runs again (pid {process.pid}).")
    return True
