"""Agents that a test steers through files: they say where they are, and go on when they are let.

Loaded by real workers (`--agent`), which learn the folder of the files from `FAULTS_FOLDER`. The first
word of a message says what to do, the second one names the files.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from netra_backend.agents.context import CalledBefore, Context

LOOK_S = 0.01


async def steered(ctx: Context) -> str | None:
    """Do what the message says."""
    verb, name = ctx.text.split()[:2]
    return await DEEDS[verb](ctx, name)


async def _echo(ctx: Context, name: str) -> str:
    """All five events, at once."""
    await ctx.think("Repeating it.")
    async with ctx.tool("echo", {"text": name}) as call:
        call.result = {"text": name}
    await ctx.write("You said: ")
    await ctx.write(name)
    return f"You said: {name}"


async def _wait(ctx: Context, name: str) -> None:
    """Write a little, wait for the file `<name>.go`, write the rest."""
    await ctx.write("first ")
    await _wait_at(ctx, name)
    await ctx.write("last")


async def _parts(ctx: Context, name: str) -> None:
    """Write three parts, and wait after each for a file of its own: `<name>-1.go` to `<name>-3.go`."""
    for part in (1, 2, 3):
        await ctx.write(f"part {part} ")
        await _wait_at(ctx, f"{name}-{part}")


async def _charge(ctx: Context, name: str) -> str:
    """Act on the outside world, then wait inside the tool; whatever its service makes of the key."""
    async with ctx.tool("charge", {"of": name}) as call:
        _act(ctx, name, call.idempotency_key)
        await _wait_at(ctx, name)
        call.result = "charged"
    return "charged"


async def _charge_once(ctx: Context, name: str) -> str:
    """The same with a service that knows no keys."""
    async with ctx.tool("charge", {"of": name}, once=True) as call:
        _act(ctx, name, call.idempotency_key)
        await _wait_at(ctx, name)
        call.result = "charged"
    return "charged"


async def _charge_and_ask(ctx: Context, name: str) -> str:
    """The same, and asks a person when it cannot know."""
    try:
        return await _charge_once(ctx, name)
    except CalledBefore as before:
        return f"please look: {before.status}"


DEEDS: dict[str, Callable[[Context, str], Awaitable[str | None]]] = {
    "echo": _echo,
    "wait": _wait,
    "parts": _parts,
    "charge": _charge,
    "charge-once": _charge_once,
    "charge-and-ask": _charge_and_ask,
}


def _act(ctx: Context, name: str, key: str) -> None:
    """One line a deed, as a service outside would have it."""
    with (_folder() / f"{name}.ledger").open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps({"key": key, "attempt": ctx.attempt}) + "\n")


async def _wait_at(ctx: Context, name: str) -> None:
    (_folder() / f"{name}.{ctx.attempt}").write_text(str(os.getpid()), encoding="ascii")
    while not (_folder() / f"{name}.go").exists():  # noqa: ASYNC110 - a test process steers us by files
        await asyncio.sleep(LOOK_S)


def _folder() -> Path:
    return Path(os.environ["FAULTS_FOLDER"])
