"""`python -m tests.scan`: look, print, exit code. 0 nothing found, 1 something, 2 it could not look.

An advisory database that cannot be reached is said plainly and is no failure, unless `--online` demands it.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.scan.advisories import DATABASE, UnreachableError, advisories
from tests.scan.finding import Finding
from tests.scan.leaked import secrets, tracked
from tests.scan.licences import licences
from tests.scan.locked import Package, locked

ROOT: Final = Path(__file__).resolve().parent.parent.parent


def main(arguments: Sequence[str]) -> int:
    """Run all scans; the exit code."""
    asked = _parse(arguments)
    try:
        files, packages = tracked(asked.root), locked(asked.root)
        found = [*secrets(asked.root, files), *licences(packages)]
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        _say(f"scan: files or lock files cannot be read ({error}); run it in a whole checkout with Git.")
        return 2
    print(f"{len(files)} files looked through for secrets.")  # noqa: T201 - the result
    print(f"{len(packages)} locked packages looked up for licences.")  # noqa: T201 - the result
    reached = _advise(packages, found, asked.database)
    for each in found:
        _say(str(each))
    if found:
        return 1
    return 0 if reached or not asked.online else 2


def _advise(packages: list[Package], found: list[Finding], database: str) -> bool:
    try:
        found += advisories(packages, database=database)
    except UnreachableError as error:
        _say(f"Known vulnerabilities were NOT looked up: {database} cannot be reached ({error}).")
        return False
    print(f"{len(packages)} locked packages looked up for known vulnerabilities.")  # noqa: T201 - the result
    return True


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.scan", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to look at")
    parser.add_argument("--database", default=DATABASE, help="where advisories are asked for")
    parser.add_argument("--online", action="store_true", help="fail when the database cannot be reached")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
