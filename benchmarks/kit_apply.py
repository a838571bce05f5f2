"""`python -m benchmarks.kit_apply TREE JOBS`: migrates the files of an estate, rewriter and journal included.

The target's own tests are left out: their time is not the kit's. Prints what became of the files.
"""

import itertools
import json
import sys
from datetime import datetime
from pathlib import Path

from netra_migrate.apply import State, history
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
    """Apply every step and say what the slowest took, from the end of the one before: its rewriting counts."""
    file = tree / "migration.toml"
    if DECIDED not in file.read_text():
        file.write_text(file.read_text() + DECIDED)
    session = running.session(file)
    wanted = moving.wanted(only=(), unchecked=True, jobs=jobs, branch=None, write=True)
    outcome = moving.migrated(session, wanted)
    ends = [datetime.fromisoformat(each.ended) for each in history(looking.tree(session)) if each.ended]
    took = [(then - before).total_seconds() for before, then in itertools.pairwise(ends)]
    states = [step.state for step in outcome.steps]
    done = {
        "written": states.count(State.APPLIED),
        "refused": states.count(State.REFUSED),
        "slowest": max(took),
    }
    print(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
