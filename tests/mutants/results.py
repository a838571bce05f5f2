"""What became of the mutants: kept line by line while the run goes on, then a table, then JSON.

A result counts for as long as code, tests and rules are the same; after a change everything is tried again.
"""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutants.rooms import Room
from tests.mutants.running import Job, Outcome

REASONS: Final = Path(__file__).parent / "reasons.toml"
_Z: Final = 1.96
"""Normal deviate of a 95 % interval."""


@dataclass(frozen=True)
class Result:
    """One mutant's end. `reason` says why no test can or should see it, if that is known."""

    file: str
    line: int
    key: str
    change: str
    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True)
class Share:
    """Of `tried` mutants out of `all` so many were `killed`; a sample has a 95 % interval (Wilson's)."""

    killed: int
    tried: int
    all: int

    @property
    def value(self) -> float:
        """From 0 to 1; 1 when there was nothing to try."""
        return self.killed / self.tried if self.tried else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of all mutants lies; a point when all were tried."""
        if not self.tried or self.tried == self.all:
            return self.value, self.value
        squared = _Z * _Z / self.tried
        middle = (self.value + squared / 2) / (1 + squared)
        half = (
            _Z
            / (1 + squared)
            * math.sqrt(self.value * (1 - self.value) / self.tried + squared / (4 * self.tried))
        )
        return max(0.0, middle - half), min(1.0, middle + half)


class Kept:
    """The results of a room on disk, one JSON object a line, so that an interrupted run goes on where it was."""

    def __init__(self, folder: Path, room: Room) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{room.name}.jsonl"
        self._fingerprint = room.fingerprint()
        self.known = self._read()

    def add(self, job: Job, outcome: Outcome) -> Outcome:
        """Keep one more."""
        assert job.mutant is not None
        if not self.known:
            self._file.write_text(json.dumps({"fingerprint": self._fingerprint}) + "\n", encoding="utf-8")
        self.known[job.file, job.mutant.key] = outcome
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([job.file, job.mutant.key, outcome]) + "\n")
        return outcome

    def _read(self) -> dict[tuple[str, str], Outcome]:
        if not self._file.exists():
            return {}
        first, *lines = self._file.read_text(encoding="utf-8").splitlines() or ["{}"]
        if json.loads(first).get("fingerprint") != self._fingerprint:
            return {}
        complete = [json.loads(line) for line in lines if line.endswith("]")]
        return {(file, key): Outcome(outcome) for file, key, outcome in complete}


def reasons() -> Mapping[tuple[str, str], str]:
    """Why a survivor may live, by file and key."""
    entries = tomllib.loads(REASONS.read_text(encoding="utf-8")).get("survivor", [])
    return {(each["file"], key): each["reason"] for each in entries for key in each["keys"]}


def table(shares: Mapping[str, Share], target: float) -> str:
    """The shares of all rooms as text."""
    lines = [f"{'room':<16}{'mutants':>9}{'tried':>8}{'killed':>8}{'share':>9}   95 % interval"]
    for name, share in shares.items():
        low, high = share.interval
        verdict = "" if share.value >= target else f"   below {target:.0%}"
        lines.append(
            f"{name:<16}{share.all:>9}{share.tried:>8}{share.killed:>8}{share.value:>9.1%}   {low:.1%} to {high:.1%}{verdict}"
        )
    return "\n".join(lines)


def told(results: Iterable[Result]) -> list[str]:
    """One line for each survivor: where, what was changed, why it may live."""
    return [
        f"{each.file}:{each.line}: {each.change}\n    {each.key}\n    {each.reason or 'No reason is known: write a test.'}"
        for each in sorted(results, key=lambda result: (result.file, result.line))
        if each.outcome is Outcome.SURVIVED
    ]


def report(
    shares: Mapping[str, Share], results: Iterable[Result], *, seed: int, target: float
) -> dict[str, Any]:
    """Everything, ready for JSON."""
    ended = list(results)
    return {
        "seed": seed,
        "target": target,
        "rooms": {
            name: {**asdict(share), "share": share.value, "interval": share.interval}
            for name, share in shares.items()
        },
        "outcomes": Counter(each.outcome for each in ended),
        "survivors": [asdict(each) for each in ended if each.outcome is Outcome.SURVIVED],
    }
