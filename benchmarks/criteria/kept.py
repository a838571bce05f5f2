"""Criteria that another command measured and left in a file: tests, a migration, peers. Measures nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.criteria.criterion import Criterion
from benchmarks.peers.comparison import KEPT as PEERS
from benchmarks.peers.comparison import Comparison
from netra_migrate.domain.verification import Verification
from tests.coverage_gate import RULES, measure

COVERAGE: Final = ".coverage.json"
VERIFIED: Final = (
    "tests/legacy_app-migrated/.netra-migrate/results/verify.json",
    ".netra-migrate/results/verify.json",
)
"""Where a verification may lie: of the copy that `netra migrate run` makes of the sample application, or of this tree."""


def coverage(root: Path) -> Criterion:
    """Lines of the handler modules, as the last `make test` covered them."""
    rule = RULES[0]
    value, note = None, f"run `make test` first: it writes {COVERAGE}"
    try:
        report: Mapping[str, Any] = json.loads((root / COVERAGE).read_text(encoding="utf-8"))
        figure = measure(report, rule)
        value, note = figure.percent, f"{figure.covered} of {figure.total} lines"
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError):
        note = f"{COVERAGE} cannot be read: run `make test` again"
    return Criterion(
        name="line coverage of the handler modules",
        value=value,
        unit="%",
        target=rule.least,
        more_is_better=True,
        source="make test",
        note=note,
    )


def migration(root: Path, named: Path | None = None) -> Criterion:
    """What the last verification of a migration found left: of any form, the module, a second interface."""
    places: Sequence[Path] = [named] if named is not None else [root / place for place in VERIFIED]
    value, note = None, "run `netra migrate run` first, or name its results/verify.json with --migration"
    for place in places:
        try:
            found = msgspec.json.decode(place.read_bytes(), type=Verification)
        except FileNotFoundError:
            continue
        except (OSError, msgspec.MsgspecError):
            note = f"{place.name} cannot be read: run `netra migrate run` again"
            continue
        failed = [check for check in found.checks if not check.ok]
        value = float(sum(max(len(check.findings), 1) for check in failed))
        note = "; ".join(check.sentence for check in failed) or f"all {len(found.checks)} conditions hold"
        break
    return Criterion(
        name="left of the legacy after a migration",
        value=value,
        unit="findings",
        target=0,
        source="netra migrate run",
        note=note,
    )


def peers(root: Path) -> Criterion:
    """What the last comparison with other products found; also when and of which commit, as speed changes."""
    value, note = None, f"run `make bench-peers` first: it writes {PEERS}"
    try:
        found = msgspec.json.decode((root / PEERS).read_bytes(), type=Comparison)
        value, note = found.ratio, f"{PEERS} lacks Netra or a product: run `make bench-peers` again"
        if found.ours is not None and found.best is not None:
            note = (
                f"{found.ours.durable_per_second:.0f} a second, {found.best.product} {found.best.version} "
                f"{found.best.durable_per_second:.1f}; of answers, stored or not, "
                f"{found.answered_ratio:.1f} times; {found.measured_at}, commit {found.commit}"
            )
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError):
        note = f"{PEERS} cannot be read: run `make bench-peers` again"
    return Criterion(
        name="golden-path runs a second, against the best comparable product",
        value=value,
        unit="times",
        target=10,
        more_is_better=True,
        source="make bench-peers",
        note=note,
    )
