"""What a campaign found, as figures for people and for programs. Holds no text of a message and no secret."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from netra_backend.chaos.campaign import Outcome
from netra_backend.chaos.measure import (
    Recovery,
    gateway_recoveries,
    moments,
    percentile,
    run_times,
    worker_recoveries,
)
from netra_backend.chaos.verdict import SHOWN, Verdict

FAILED_PERCENT = 0.1
"""Of the messages, at most."""
LEASE_MARGIN_S = 5.0
"""Seconds beyond the lease in which the runs of a killed worker go on or end."""
GATEWAY_S = 2.0
"""Seconds in which the clients of a killed gateway are back."""
MEMORY_PERCENT = 5.0
MEMORY_FROM_S = 180.0
"""A shorter campaign says nothing about memory: caches and pools fill during the first minutes."""


@dataclass(frozen=True, slots=True)
class Times:
    """A distribution, in seconds; None of nothing."""

    count: int
    p50: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, values: Collection[float]) -> "Times":
        """The distribution of `values`."""
        shown = [percentile(values, percent) for percent in (50, 99, 100)]
        return cls(len(values), *(None if each is None else round(each, 3) for each in shown))


@dataclass(frozen=True, slots=True)
class Recoveries:
    """Recoveries from kills: all of them, those that nothing held up, and third tries, which wait their turn."""

    all: Times
    alone: Times
    third_tries: Times

    @classmethod
    def of(cls, found: Collection[Recovery]) -> "Recoveries":
        """The distributions."""
        return cls(
            Times.of([each.seconds for each in found]),
            Times.of([each.seconds for each in found if each.alone and not each.third_try]),
            Times.of([each.seconds for each in found if each.third_try]),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is aimed at; missing it loses nothing. `value` is None where nothing was measured."""

    name: str
    limit: float
    value: float | None

    @property
    def met(self) -> bool:
        """Whether it was reached, as far as it was measured."""
        return self.value is None or self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One campaign.

    Attributes:
        again: the command that makes the same faults again.
        stored: messages of users in the database.
        failed: runs that ended as `failed` or `timed_out`, and messages that were refused or never
            accepted though everything was healed.
        broken: what no invariant speaks of and must not happen.
    """

    again: str
    seed: int
    seconds: float
    took_s: float
    verdict: Verdict
    stored: int
    completed: int
    stopped: int
    failed: int
    worker_kill: Recoveries
    gateway_kill: Recoveries
    acceptance: Times
    run: Times
    memory_growth_percent: dict[str, float]
    targets: Sequence[Target]
    broken: Sequence[str]
    faults: Sequence[dict[str, Any]]

    @property
    def failed_percent(self) -> float:
        """Of all messages sent."""
        return 100 * self.failed / max(1, self.verdict.sent)

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.ok and not self.broken and self.failed_percent <= FAILED_PERCENT

    def sentence(self) -> str:
        """The verdict for people."""
        missed = [target.name for target in self.targets if not target.met]
        also = f" Missed: {'; '.join(missed)}." if missed else ""
        if self.ok:
            count = self.verdict.accepted
            return f"All promises held: {count} messages accepted, each stored once and in order.{also}"
        return f"A promise was broken: {'; '.join(self._why())}.{also}"

    def _why(self) -> list[str]:
        why = [f"{name} {count} times" for name, count in self.verdict.by_invariant().items()]
        if self.verdict.unfinished:
            why.append(f"{self.verdict.unfinished} runs without an end")
        if self.failed_percent > FAILED_PERCENT:
            why.append(f"{self.failed_percent:.2f} % failed, {FAILED_PERCENT} % may")
        return [*why, *(line.splitlines()[0].rstrip(".:") for line in self.broken)]

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        verdict = self.verdict.as_json()
        verdict.pop("ok")
        return {
            "ok": self.ok,
            "verdict": self.sentence(),
            "seed": self.seed,
            "again": self.again,
            "seconds": self.seconds,
            "took_s": round(self.took_s, 1),
            **verdict,
            "stored": self.stored,
            "completed": self.completed,
            "stopped": self.stopped,
            "failed": self.failed,
            "failed_percent": round(self.failed_percent, 3),
            "broken": list(self.broken),
            "recovery_s": {
                "worker_kill": asdict(self.worker_kill),
                "gateway_kill": asdict(self.gateway_kill),
            },
            "acceptance_s": asdict(self.acceptance),
            "run_s": asdict(self.run),
            "memory_growth_percent": self.memory_growth_percent,
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
            "faults": list(self.faults),
        }


def report(outcome: Outcome, *, again: str) -> Report:
    """The figures of a campaign."""
    runs = moments(outcome.recordings)
    sent = outcome.messages
    accepted = {each.run_id: each.accepted_at for each in sent if each.accepted_at is not None}
    statuses = Counter(run.status for user in outcome.facts.values() for run in user.runs)
    worker = Recoveries.of(worker_recoveries(runs, outcome.outages))
    gateway = Recoveries.of(
        gateway_recoveries(outcome.recordings, outcome.outages, ports=outcome.ports, frail=outcome.frail)
    )
    growth = {name: round(percent, 1) for name, percent in outcome.growth.items()}
    return Report(
        again=again,
        seed=outcome.order.seed,
        seconds=outcome.order.seconds,
        took_s=outcome.took_s,
        verdict=outcome.verdict,
        stored=sum(each.role == "user" for user in outcome.facts.values() for each in user.messages),
        completed=statuses["completed"],
        stopped=statuses["stopped"],
        failed=statuses["failed"] + statuses["timed_out"] + sum(each.accepted_at is None for each in sent),
        worker_kill=worker,
        gateway_kill=gateway,
        acceptance=Times.of([each.acceptance_s for each in sent if each.acceptance_s is not None]),
        run=Times.of(run_times(runs, accepted)),
        memory_growth_percent=growth,
        targets=_targets(outcome, worker=worker, gateway=gateway, growth=growth),
        broken=outcome.broken,
        faults=[
            {**each.step._asdict(), "name": each.name}
            for each in sorted(outcome.outages, key=lambda each: each.step.at)
        ],
    )


def _targets(
    outcome: Outcome, *, worker: Recoveries, gateway: Recoveries, growth: dict[str, float]
) -> Sequence[Target]:
    lease = outcome.settings.lease_s + LEASE_MARGIN_S
    found = [
        Target(f"runs of a killed worker go on within {lease:g} s", lease, worker.alone.max),
        Target(
            f"clients of a killed gateway are back within {GATEWAY_S:g} s (p99)", GATEWAY_S, gateway.alone.p99
        ),
    ]
    if outcome.order.seconds >= MEMORY_FROM_S:
        most = max(growth.values(), default=None)
        name = f"memory of each process flat within {MEMORY_PERCENT:g} %"
        found.append(Target(name, MEMORY_PERCENT, most))
    return found


def show(result: Report, console: Console) -> None:
    """A table, what was broken with evidence, the verdict, and how to repeat it."""
    table = Table(title=f"seed {result.seed}, {result.seconds:g} s, {len(result.faults)} faults")
    table.add_column("what")
    table.add_column("figure")
    for name, figure in _rows(result):
        table.add_row(name, figure)
    console.print(table)
    for each in result.verdict.violations[:SHOWN]:
        console.print(f"  {each.invariant} {each.user}: {each.evidence}", style="red", markup=False)
    if len(result.verdict.violations) > SHOWN:
        console.print(f"  ... and {len(result.verdict.violations) - SHOWN} more (--json has all)")
    for line in result.broken:
        console.print(f"  {line}", style="red", markup=False)
    console.print(result.sentence(), style="bold", markup=False, soft_wrap=True)
    console.print(f"The same faults again: {result.again}\n", markup=False, soft_wrap=True)


def _rows(result: Report) -> list[tuple[str, str]]:
    verdict = result.verdict
    growth = "\n".join(f"{name} {percent:+.1f} %" for name, percent in result.memory_growth_percent.items())
    return [
        ("messages accepted / stored", f"{verdict.accepted} / {result.stored}"),
        ("runs completed / stopped", f"{result.completed} / {result.stopped}"),
        ("failed", f"{result.failed} ({result.failed_percent:.2f} %)"),
        ("lost", str(verdict.lost)),
        ("duplicated", str(verdict.duplicated)),
        ("out of order", str(verdict.out_of_order)),
        ("unfinished", str(verdict.unfinished)),
        ("told to reload (resync)", str(verdict.resyncs)),
        ("worker killed, its runs go on", _times(result.worker_kill.alone, "runs")),
        ("  third tries, which wait their turn", _times(result.worker_kill.third_tries, "runs")),
        ("  these and other faults included", _times(result.worker_kill.all, "runs")),
        ("gateway killed, client is back", _times(result.gateway_kill.alone, "clients")),
        ("  other faults meanwhile included", _times(result.gateway_kill.all, "clients")),
        ("acceptance, faults included", _times(result.acceptance, "")),
        ("run, faults included", _times(result.run, "")),
        ("memory growth", growth or "too short to tell"),
    ]


def _times(times: Times, of_what: str) -> str:
    if times.p50 is None or times.p99 is None or times.max is None:
        return "none"
    count = f" ({times.count} {of_what})" if of_what else ""
    return f"p50 {times.p50:.3g} s, p99 {times.p99:.3g} s, max {times.max:.3g} s{count}"
