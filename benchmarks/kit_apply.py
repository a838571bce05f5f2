"""`python -m benchmarks.kit_apply TREE JOBS`: migrates the files of an estate, rewriter and journal included.

The target's own tests are left out: their time is not the kit's. Prints what became of the files.
"""

import json
import sys
from pathlib import Path

from netra_migrate.apply import history
from netra_migrate.commands import looking, moving, running

DECIDED = """
[symbols.HANDLER_TIMEOUT]
decision = "renamed"
to = "app.websocket_core.handlers.logger"

[symbols._text_of]
decision = "renamed"
to = "app.websocket_core.handlers.create_router"
"""
"""What the estate leaves open on purpose; any answer will do here, and without one nothing is applied."""


def main(tree: Path, jobs: int) -> None:
    """Apply every step and say what the slowest took."""
    file = tree / "migration.toml"
    if DECIDED not in file.read_text():
        file.write_text(file.read_text() + DECIDED)
    session = running.session(file)
    wanted = moving.wanted(only=(), unchecked=True, jobs=jobs, branch=None, write=True)
    outcome = moving.migrated(session, wanted)
    took = [each.own_seconds for each in history(looking.tree(session))]
    files = [path for step in outcome.steps for path in step.paths]
    print(json.dumps({"files": len(files), "steps": len(took), "slowest": max(took)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
