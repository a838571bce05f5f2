"""The command `netra chaos`: which campaigns, where, and the exit code. Heavy imports wait until it runs.

Exit codes: 0 all promises held, 1 a promise was broken, 2 wrong use or it could not start.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from netra_backend.chaos.campaign import Outcome
    from netra_backend.chaos.plan import Order
    from netra_backend.chaos.report import Report

FIXED_SEED = 322
"""Of the campaign that is the same on every machine: its first minute kills each process and each store."""
WIDTH = 110
"""Columns of the table where there is no terminal to ask."""
ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def chaos(
    seconds: Annotated[
        float, typer.Option(help="How long each campaign breaks things.", min=5, max=80_000)
    ] = 60.0,
    seed: Annotated[
        int | None,
        typer.Option(help="Run one campaign with this seed.", show_default="two: a fixed and a random one"),
    ] = None,
    gateways: Annotated[int, typer.Option(help="How many gateways.", min=1, max=16)] = 2,
    workers: Annotated[int, typer.Option(help="How many workers.", min=1, max=16)] = 2,
    users: Annotated[int, typer.Option(help="How many people use it.", min=1, max=1000)] = 40,
    every: Annotated[
        float, typer.Option(help="Seconds of a period: in each a kill and two other faults.", min=2)
    ] = 20.0,
    faults: Annotated[
        str | None, typer.Option(help="Kinds of faults, separated by commas.", show_default="all")
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(help="Your agent, as `module:object`.", show_default="one that works for some seconds"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where to make its folders.", show_default="the folder for temporary files"),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave stores and logs behind.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Break a stack of its own under load, and count what was lost.

    It starts gateways, workers, PostgreSQL and Valkey for itself, and stops, kills, pauses, empties and cuts
    them off by a plan while people chat; then it compares the database with what every client was told. It
    never touches stores that are configured. Exit code 0: every promise held. 1: one was broken, with
    evidence; stores and logs are kept. 2: it could not start.

    Examples:
        netra chaos

        netra chaos --seconds 1800 --json

        netra chaos --seed 7 --faults kill-worker,valkey-away
    """
    from rich.console import Console

    from netra_backend.chaos.report import show
    from netra_backend.embedded import EmbeddedError
    from netra_backend.settings import SettingsError
    from netra_backend.stack.process import StackError

    seeds = [FIXED_SEED, secrets.randbelow(2**31)] if seed is None else [seed]
    try:
        orders = [
            _order(each, seconds=seconds, every=every, gateways=gateways, workers=workers, faults=faults)
            for each in seeds
        ]
        found = asyncio.run(_run(orders, users=users, agent=agent, parent=data_dir, keep=keep))
    except (SettingsError, EmbeddedError, StackError, OSError) as error:
        typer.echo(f"netra: {error}", err=True)
        raise typer.Exit(2) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("netra: stopped before the end; everything that was started is gone.", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(_json(found), indent=2))
    else:
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        for each in found:
            show(each, console)
    raise typer.Exit(0 if all(each.ok for each in found) else 1)


def _order(
    seed: int, *, seconds: float, every: float, gateways: int, workers: int, faults: str | None
) -> "Order":
    from netra_backend.chaos.plan import KINDS, Order
    from netra_backend.settings import SettingsError, load

    kinds = KINDS if faults is None else tuple(part.strip() for part in faults.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        message = f"There is no fault {unknown[0] if unknown else ''!r}; take some of {', '.join(KINDS)}."
        raise SettingsError(message)
    return Order(
        seed=seed,
        seconds=seconds,
        every=every,
        gateways=gateways,
        workers=workers,
        kinds=kinds,
        lease_s=load({}).lease_s,
    )


async def _run(
    orders: Sequence["Order"], *, users: int, agent: str | None, parent: Path | None, keep: bool
) -> list["Report"]:
    """Run one campaign after another; a signal ends it and everything that it started."""
    from netra_backend.chaos.report import report
    from netra_backend.observability.logging import configure

    configure("critical", stream=sys.stderr)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for number in ASKED:
            loop.add_signal_handler(number, task.cancel)
    found = []
    for order in orders:
        folder = _folder(parent)
        good = False
        try:
            outcome = await _campaign(order, users=users, agent=agent, folder=folder)
            found.append(report(outcome, again=_again(order, users=users, agent=agent)))
            good = found[-1].ok
        except asyncio.CancelledError:
            good = True  # nobody wants what it has
            raise
        finally:
            if good and not keep:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            else:
                _say(f"stores and logs are in {folder}")
    return found


async def _campaign(order: "Order", *, users: int, agent: str | None, folder: Path) -> "Outcome":
    from netra_backend.chaos.campaign import run_campaign
    from netra_backend.chaos.stage import Setup

    setup = Setup(users=users, agent=agent, data_dir=folder, environ=os.environ)
    return await run_campaign(order, setup, say=_say)


def _folder(parent: Path | None) -> Path:
    """A new folder of our own, that may be removed."""
    if parent is not None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="netra-chaos-", dir=parent))


def _again(order: "Order", *, users: int, agent: str | None) -> str:
    """The command that makes the same plan."""
    from netra_backend.chaos.plan import KINDS

    words = [
        "netra chaos",
        f"--seed {order.seed}",
        f"--seconds {order.seconds:g}",
        f"--every {order.every:g}",
    ]
    words += [f"--gateways {order.gateways}", f"--workers {order.workers}", f"--users {users}"]
    if tuple(order.kinds) != KINDS:
        words.append(f"--faults {','.join(order.kinds)}")
    if agent is not None:
        words.append(f"--agent {agent}")
    return " ".join(words)


def _json(found: Sequence["Report"]) -> dict[str, object]:
    return {"ok": all(each.ok for each in found), "campaigns": [each.as_json() for each in found]}


def _say(line: str) -> None:
    """Progress, for people; the result alone goes to standard output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
