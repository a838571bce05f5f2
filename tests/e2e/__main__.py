"""`python -m tests.e2e`: the end-to-end suites against the deployment of the environment, or one made here."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.e2e.deployment import DeploymentError, Remote

UNUSABLE = 2
FOLDER = Path(__file__).parent / "websocket"
SUITES = (
    "test_golden_path_message_handler_migration.py",
    "test_handler_conflict_scenarios.py",
    "test_message_handler_migration_validation.py",
)


def main(arguments: Sequence[str]) -> NoReturn:
    """Examine the deployment, then become pytest on the suites; exit code 2 without it."""
    try:
        remote = Remote.of()
        if remote is not None:
            asyncio.run(remote.examine())
    except DeploymentError as error:
        sys.stderr.write(f"netra: {error}\n")
        sys.exit(UNUSABLE)
    # A process that has imported nothing of this: pytest rewrites what it imports itself.
    suites = [str(FOLDER / suite) for suite in SUITES]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *suites, *arguments])  # noqa: S606 - ourselves


if __name__ == "__main__":
    main(sys.argv[1:])
