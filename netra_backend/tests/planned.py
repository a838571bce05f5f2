"""The test plan for whoever runs it phase by phase: `-p netra_backend.tests.planned` leaves other tests out.

`python -m netra_backend.tests.planned FILES` prints what each planned test does in each phase, as the
`[suites]` of a `migration.toml` want it.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from netra_backend.tests.outcomes import Fails, Outcome, Phase, expected

Record = dict[str, Any]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that say what they do in each phase."""
    others = [item for item in items if not _is_planned(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _is_planned(item)]


def _is_planned(item: pytest.Item) -> bool:
    return expected(getattr(item, "function", None), Phase.CANONICAL) is not None


def records(items: Sequence[pytest.Item]) -> Iterator[Record]:
    """One for each planned test and phase; tests by their names in JUnit reports."""
    for item in items:
        path, _, name = item.nodeid.partition("::")
        test = f"{path.removesuffix('.py').replace('/', '.')}::{name}"
        for phase in Phase:
            said = expected(getattr(item, "function", None), phase)
            if said is not None:
                yield {"test": test, "phase": phase.value, **_told(said)}


def _told(outcome: Outcome) -> Record:
    if not isinstance(outcome, Fails):
        return {"outcome": "passed"}
    reasons = [reason for reason in (outcome.reason, outcome.or_else) if reason is not None]
    return {"outcome": "failed", "reasons": reasons}


class _Collected:
    """What pytest finds."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See pytest."""
        self.items = session.items


def main(paths: Sequence[str]) -> int:
    """Print the records of the tests in `paths`; pytest's exit code, if it finds none."""
    found = _Collected()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *paths], plugins=[found])
    if code != pytest.ExitCode.OK:
        sys.stderr.write(said.getvalue())
        return int(code)
    print(json.dumps(list(records(found.items))))  # noqa: T201 - the output of a command
    return 0


if __name__ == "__main__":
    # The environment's own phase must not matter: some modules look at it when they are imported.
    os.environ.pop("NETRA_SUBJECT", None)
    sys.exit(main(sys.argv[1:]))
