"""One sample of a tree's speed: `python -m benchmarks.gate.sample`, run in the tree, prints one JSON object.

The server is the tree's, the load generator is this checkout's: both sides are measured by the same means.
The data folder stays beside the tree, so that only the first sample of a tree sets it up.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.jobs import Job, Outcome
from benchmarks.processes import BenchmarkError, Server, checked, environment, load, server
from benchmarks.site import RATES

RATE: Final = "runs a second"
FIRST: Final = "first event p50, ms"
WORK: Final = "processor time of a run, µs"
MEMORY: Final = "memory of a connection, KB"
FIGURES: Final = (RATE, FIRST, WORK, MEMORY)

USERS, WARMUP, RUNS = 100, 400, 2000
FEW_USERS, FEW_WARMUP, FEW_RUNS, PACE_S = 20, 40, 240, 0.25
FEW_CONNECTIONS, CONNECTIONS = 50, 500
SETTLE_S = 1.5
"""After the last connection: the start silence of a second is over."""
PATIENCE_S = 150.0
"""For everything; the gate itself gives up later, so that this ends in order first."""
INSIDE: Final = Path(__file__).with_name("inside.py")


async def sample(tree: Path) -> dict[str, float]:
    """Start the tree's server and measure it. Memory comes first: what was freed once would hide it.

    Raises:
        BenchmarkError: it does not start, or a result was wrong.
    """
    folder = tree.with_name(f"{tree.name}-data")
    folder.mkdir(exist_ok=True)
    env = environment() | RATES | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", str(INSIDE), str(tree), "serve", str(os.getpid()), "--port", "0"]
    command += ["--data-dir", str(folder / "data"), "--agent", "benchmarks.agents:stub"]
    async with asyncio.timeout(PATIENCE_S), server(command, cwd=folder, env=env) as found:
        tokens = await _tokens(tree, folder, env)
        memory = await _memory(found, tokens)
        firsts = (await _paced(found, tokens[:FEW_USERS])).firsts
        rate, work = await _closed(found, tokens[:USERS])
    return {RATE: rate, FIRST: median(firsts) * 1e3, WORK: work, MEMORY: memory}


async def _tokens(tree: Path, folder: Path, env: dict[str, str]) -> list[str]:
    """Of the users of the first sample; they are added when there are none."""
    kept = folder / "tokens.json"
    if not kept.exists():
        command = [sys.executable, "-P", str(INSIDE), str(tree), "users", str(folder), str(CONNECTIONS)]
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        if process.returncode:
            raise BenchmarkError("No users could be added; see above.")
        kept.write_bytes(printed)
    tokens: list[str] = json.loads(kept.read_bytes())
    return tokens


async def _memory(found: Server, tokens: Sequence[str]) -> float:
    """Growth of the resident memory in KB (1,000 bytes) a connection."""
    before = await _hold(found, tokens[:FEW_CONNECTIONS])
    return (await _hold(found, tokens) - before) / (len(tokens) - FEW_CONNECTIONS) / 1e3


async def _hold(found: Server, tokens: Sequence[str]) -> int:
    async with load(Job(mode="idle", url=found.socket_url, tokens=list(tokens))) as running:
        if not await running.until("held"):
            checked(running.outcome)
        await asyncio.sleep(SETTLE_S)
        resident, _ = found.memory()
        await running.go_on()
        await running.until(None)
        checked(running.outcome)
        return resident


async def _paced(found: Server, tokens: list[str]) -> Outcome:
    job = Job(
        mode="paced",
        url=found.socket_url,
        tokens=tokens,
        warmup=FEW_WARMUP,
        runs=FEW_RUNS,
        interval_s=PACE_S,
    )
    async with load(job) as running:
        await running.until(None)
        return checked(running.outcome)


async def _closed(found: Server, tokens: list[str]) -> tuple[float, float]:
    """Runs a second, and microseconds of processor time that server and stores spent on each."""
    job = Job(mode="closed", url=found.socket_url, tokens=tokens, warmup=WARMUP, runs=RUNS)
    async with load(job) as running:
        if not await running.until("begin"):
            checked(running.outcome)
        before = sum(found.cpu().values())
        if not await running.until("end"):
            checked(running.outcome)
        spent = sum(found.cpu().values()) - before
        await running.until(None)
        return RUNS / checked(running.outcome).elapsed_s, spent / RUNS * 1e6


def main() -> int:
    """Measure the tree that is the current folder; the exit code."""
    try:
        figures = asyncio.run(sample(Path.cwd()))
    except (BenchmarkError, TimeoutError) as error:
        print(f"sample: {str(error) or f'not done after {PATIENCE_S:g} s'}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
