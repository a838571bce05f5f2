"""Criteria that another command measured and left in a file: `make test` and `netra migrate`. Measures nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.criteria.criterion import Criterion
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


def peers() -> Criterion:
    """Only a run beside the comparable products, on this machine, can tell; there is no such file."""
    return Criterion(
        name="golden-path runs a second, against the best comparable product",
        value=None,
        unit="times",
        target=10,
        more_is_better=True,
        source="make bench-peers",
        note="needs the comparable products on this machine",
    )
