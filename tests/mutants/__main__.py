"""`python -m tests.mutants`: are the tests able to fail? 0 the target is met, 1 it is not, 2 it could not look.

Mutants are tried in an order drawn by the seed, so whatever was tried when the time is over is a fair sample.
"""

import argparse
import json
import random  # noqa: TID251 - it draws the sample, from a seed that is an argument
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.mutants.covering import Cover, NotGreenError, cover
from tests.mutants.mutant import mutants
from tests.mutants.results import Kept, Result, Share, reasons, report, table, told
from tests.mutants.rooms import ROOMS, ROOT, Room
from tests.mutants.running import Job, Outcome, prepare, run

KEPT: Final = ROOT / "test-results" / "mutants"
_EVERY: Final = 25
"""A line of progress after so many mutants."""


def main(arguments: Sequence[str]) -> int:
    """Try the rooms' mutants; the exit code."""
    asked = _parse(arguments)
    until = time.monotonic() + asked.minutes * 60
    shares, results = dict[str, Share](), list[Result]()
    rooms = [room for room in ROOMS if room.name in asked.rooms]
    for index, room in enumerate(rooms):
        left = until - time.monotonic()
        try:
            found, count = _room(room, asked, time.monotonic() + left / (len(rooms) - index))
        except NotGreenError as error:
            sys.stderr.write(f"mutants: {error}\n")
            return 2
        results += found
        shares[room.name] = Share(
            sum(each.outcome is not Outcome.SURVIVED for each in found), len(found), count
        )
    for line in told(results):
        _say(line)
    _say(table(shares, asked.target))
    if asked.json is not None:
        document = report(shares, results, seed=asked.seed, target=asked.target)
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if all(share.value >= asked.target for share in shares.values()) else 1


def _room(room: Room, asked: argparse.Namespace, until: float) -> tuple[list[Result], int]:
    """The room's results, those of earlier runs included, and how many mutants it has."""
    jobs, covered = _jobs(room, asked.seed), cover(room)
    prepare(covered.libraries)
    _check(room, covered)
    chosen = jobs if asked.all else jobs[: asked.sample]
    kept, why = Kept(KEPT, room), reasons()
    missing = [
        Job(job.file, job.mutant, covered.tests(job.file, job.mutant))
        for job in chosen
        if job.mutant is not None and (job.file, job.mutant.key) not in kept.known
    ]
    _say(f"{room.name}: {len(jobs)} mutants, {len(chosen)} chosen, {len(missing)} to try.")
    for number, (job, outcome) in enumerate(run(missing, at_once=asked.jobs, until=until), 1):
        kept.add(job, outcome)
        if number % _EVERY == 0:
            _say(f"{room.name}: {number} of {len(missing)}")
    return [
        Result(
            job.file,
            mutant.line,
            mutant.key,
            mutant.change,
            kept.known[job.file, mutant.key],
            why.get((job.file, mutant.key)),
        )
        for job in chosen
        if (mutant := job.mutant) is not None and (job.file, mutant.key) in kept.known
    ], len(jobs)


def _jobs(room: Room, seed: int) -> list[Job]:
    """All mutants of the room in the seed's order."""
    found = list(_all(room))
    random.Random(seed).shuffle(found)  # noqa: S311 - a sample, not a secret
    return found


def _all(room: Room) -> Iterator[Job]:
    for file in room.files():
        for mutant in mutants((ROOT / file).read_text(encoding="utf-8")):
            yield Job(file, mutant, {})


def _check(room: Room, covered: Cover) -> None:
    """The tests pass in a forked process too; else every mutant would seem dead."""
    unchanged = Job(room.files()[0], None, covered.seconds)
    for _, outcome in run([unchanged], at_once=1, until=float("inf")):
        if outcome is not Outcome.SURVIVED:
            raise NotGreenError(
                f"{room.name}: its tests fail in a forked process although nothing was changed."
            )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    names = [room.name for room in ROOMS]
    parser.add_argument(
        "rooms", nargs="*", default=names, metavar="room", help=f"of {', '.join(names)}; all unless said"
    )
    parser.add_argument("--all", action="store_true", help="every mutant, not a sample")
    parser.add_argument("--sample", type=int, default=400, help="mutants of each room (400)")
    parser.add_argument("--minutes", type=float, default=75, help="begin no mutant after so long (75)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (2)")
    parser.add_argument(
        "--target", type=float, default=0.85, help="share that must be killed in each room (0.85)"
    )
    parser.add_argument("--json", type=Path, help="where the report goes")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.rooms) - set(names):
        parser.error(f"no such room: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return asked


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
