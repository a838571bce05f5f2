"""`python -m netra_backend.testing.simulation`: play seeds, print the first that fails."""

import argparse
import sys
import time

from netra_backend.testing.simulation.plan import draw
from netra_backend.testing.simulation.schedule import first_failure, play, report


def main() -> int:
    """Exit code 0 if every schedule went well."""
    parser = argparse.ArgumentParser(prog="netra_backend.testing.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds, one after another")
    parser.add_argument("--trace", action="store_true", help="print the trace of the first seed")
    options = parser.parse_args()
    if options.trace:
        verdict = play(draw(options.seed), trace=True)
        _say("\n".join([*(str(fault) for fault in verdict.plan.faults), *verdict.trace, *verdict.complaints]))
        return 1 if verdict.complaints else 0
    began = time.monotonic()
    failed = first_failure(options.seed, options.count)
    if failed is not None:
        _say(report(failed))
        return 1
    seconds = time.monotonic() - began
    _say(f"{options.count} schedules from seed {options.seed} went well ({seconds:.1f} s).")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
