"""Golden-path runs: how many a second at 100 users, and how long one takes at 20."""

import signal
import sys
from pathlib import Path

from benchmarks.jobs import Job, Outcome
from benchmarks.percentiles import Spread
from benchmarks.processes import Load, Server, checked, load, machine_busy
from benchmarks.report import Figure, Section, load_now
from benchmarks.site import Site

USERS = 100
WARMUP, RUNS = 1000, 6000
FEW_USERS = 20
FEW_WARMUP, FEW_RUNS = 300, 2000
PACE_S = 0.25
PACED_WARMUP, PACED_RUNS = 100, 1000
TARGET_RUNS_PER_SECOND = 1000.0
TARGET_RUN_MS, TARGET_FIRST_MS = 15.0, 5.0


async def throughput(site: Site, *, profile: Path | None = None) -> Section:
    """Closed loop of 100 users: each sends when the last run ended."""
    began = load_now()
    async with site.bare() as bare:
        floor, floor_cpu = await _metered(bare, _job(site, bare, closed=True))
    launcher = () if profile is None else (sys.executable, "-m", "benchmarks.profiled", str(profile))
    async with site.netra(launcher=launcher) as netra:
        job = _job(site, netra, closed=True)
        outcome, cpu = await _metered(netra, job, profile=profile is not None)
    spread, floor_spread = Spread.of(outcome.wholes), Spread.of(floor.wholes)
    figures = [
        Figure(
            name="runs a second, 100 users",
            value=RUNS / outcome.elapsed_s,
            unit="/s",
            target=TARGET_RUNS_PER_SECOND,
            more_is_better=True,
            bare=RUNS / floor.elapsed_s,
            load=began,
            note=f"{RUNS} runs, {outcome.frames:.1f} frames out each (bare {floor.frames:.1f})",
        ),
        Figure(
            name="whole run p50, 100 users", value=spread.p50, unit="ms", bare=floor_spread.p50, load=began
        ),
        Figure(
            name="whole run p99, 100 users", value=spread.p99, unit="ms", bare=floor_spread.p99, load=began
        ),
    ]
    remarks = [
        f"All {RUNS} runs had all five events in order; {outcome.verified} were checked in full.",
        _spent("Processor time", cpu, outcome),
        _spent("Bare server's", floor_cpu, floor),
    ]
    return Section(title="Golden-path runs, durable", figures=figures, remarks=remarks)


async def latency(site: Site) -> Section:
    """20 users, paced (what a user feels), then closed loop (what a saturated server gives)."""
    began = load_now()
    async with site.bare() as bare:
        floors = await _pair(site, bare)
    async with site.netra() as netra:
        founds = await _pair(site, netra)
    figures: list[Figure] = []
    for label, found, floor in zip(
        (f"paced, one each {PACE_S * 1000:.0f} ms", "closed loop, saturated"), founds, floors, strict=True
    ):
        paced = label.startswith("paced")
        late = f"{len(found.wholes)} runs, sent at most {found.late_s * 1000:.1f} ms late" if paced else ""
        rate = len(found.wholes) / found.elapsed_s
        note = late or f"{rate:.0f} runs/s (bare {len(floor.wholes) / floor.elapsed_s:.0f})"
        figures += _latencies(label, "first event", found.firsts, floor.firsts, TARGET_FIRST_MS, began, note)
        figures += _latencies(label, "whole run", found.wholes, floor.wholes, TARGET_RUN_MS, began, "")
    return Section(
        title=f"Latency at {FEW_USERS} users",
        figures=figures,
        remarks=["Paced: from the time at which a message was due, fixed in advance; lateness counts."],
    )


def _latencies(
    label: str, what: str, found: list[float], floor: list[float], target: float, began: float, note: str
) -> list[Figure]:
    spread, bare = Spread.of(found), Spread.of(floor)
    return [
        Figure(
            name=f"{what} p50 ({label})",
            value=spread.p50,
            unit="ms",
            target=target,
            bare=bare.p50,
            load=began,
            note=note,
        ),
        Figure(name=f"{what} p99 ({label})", value=spread.p99, unit="ms", bare=bare.p99, load=began),
    ]


async def _pair(site: Site, server: Server) -> tuple[Outcome, Outcome]:
    async with load(_job(site, server, closed=False)) as running:
        await running.until(None)
        paced = checked(running.outcome)
    tokens = site.tokens[:FEW_USERS]
    job = Job(mode="closed", url=server.socket_url, tokens=tokens, warmup=FEW_WARMUP, runs=FEW_RUNS)
    async with load(job) as running:
        await running.until(None)
        return paced, checked(running.outcome)


def _job(site: Site, server: Server, *, closed: bool) -> Job:
    tokens = site.tokens[: USERS if closed else FEW_USERS]
    if closed:
        return Job(mode="closed", url=server.socket_url, tokens=tokens, warmup=WARMUP, runs=RUNS)
    return Job(
        mode="paced",
        url=server.socket_url,
        tokens=tokens,
        warmup=PACED_WARMUP,
        runs=PACED_RUNS,
        interval_s=PACE_S,
    )


async def _metered(server: Server, job: Job, *, profile: bool = False) -> tuple[Outcome, dict[str, float]]:
    """Run `job`; its outcome, and the processor seconds of each process while it was measured."""
    async with load(job) as running:
        if not await running.until("begin"):
            checked(running.outcome)
        before = _meters(server, running)
        if profile:
            server.signal(signal.SIGUSR1)
        if not await running.until("end"):
            checked(running.outcome)
        after = _meters(server, running)
        if profile:
            server.signal(signal.SIGUSR2)
        await running.until(None)
        return checked(running.outcome), {name: after[name] - before.get(name, 0.0) for name in after}


def _meters(server: Server, running: Load) -> dict[str, float]:
    return server.cpu() | {"load generator": running.cpu(), "machine": machine_busy()}


def _spent(title: str, cpu: dict[str, float], outcome: Outcome) -> str:
    ours = {name: seconds for name, seconds in cpu.items() if name != "machine"}
    others = max(cpu["machine"] - sum(ours.values()), 0.0)
    parts = [
        f"{name} {seconds:.1f} s ({seconds / len(outcome.wholes) * 1e6:.0f} µs a run)"
        for name, seconds in ours.items()
    ]
    return f"{title} in {outcome.elapsed_s:.1f} s: {', '.join(parts)}, kernel and others {others:.1f} s."
