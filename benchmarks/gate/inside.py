"""Runs a tree's own code: `python -P …/inside.py TREE serve PARENT …` or `… TREE users FOLDER COUNT`.

Started by path, from the checkout that measures, with PYTHONPATH naming the tree. It imports nothing of the
measuring checkout, and refuses to go on with code that is not the tree's.
"""

import asyncio
import json
import sys
from pathlib import Path

import netra_backend


def main() -> None:
    """Check whose code this is, then do what was asked."""
    tree, what = Path(sys.argv[1]).resolve(), sys.argv[2]
    found = Path(netra_backend.__file__ or "").resolve()
    if not found.is_relative_to(tree):
        sys.exit(f"gate: the code of {found.parent} would be measured instead of that of {tree}")
    if what == "serve":
        _serve(sys.argv[3:])
    else:
        _users(Path(sys.argv[3]), int(sys.argv[4]))


def _serve(arguments: list[str]) -> None:
    """Become `netra serve`, tied to the process that measures: nothing is left when that is killed."""
    from netra_backend.stack import child

    parent, *options = arguments
    sys.argv = ["netra", parent, "netra_backend.cli", "serve", *options]
    child.main()


def _users(folder: Path, count: int) -> None:
    """Add users with the tree's own schema; print their tokens."""
    from benchmarks.site import Site

    sys.stdout.write(json.dumps(asyncio.run(Site(folder).users(count))))


if __name__ == "__main__":
    main()
