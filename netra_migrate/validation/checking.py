"""Checks a step: the quick command first, then the full one, each against what was recorded of it."""

from collections.abc import Callable, Collection, Sequence

import msgspec

from netra_migrate.validation.baseline import Baseline, Comparison, compare
from netra_migrate.validation.command import Command, run
from netra_migrate.validation.results import Result


class Checker(msgspec.Struct, frozen=True, kw_only=True):
    """The commands of a migration and their baseline. The first command that got worse is the last to run.

    `hear` is told each result, whatever is made of it.
    """

    commands: tuple[Command, ...]
    baseline: Baseline
    hear: Callable[[Result], None] = lambda _: None

    def check(
        self,
        tests: Sequence[str] = (),
        *,
        removed: Collection[str] = (),
        on_start: Callable[[int], None] = lambda _: None,
    ) -> Comparison:
        """Run the commands for a step and compare; seconds and counts are those of all of them.

        Raises:
            ConfigurationError: the baseline does not know these commands or tests.
        """
        done = Comparison()
        for command in self.commands:
            chosen = tuple(tests) if command.takes_tests else ()
            recorded = self.baseline.of(command.arguments, chosen)
            left = [path for path in chosen if path not in removed]
            if chosen and not left:
                continue
            result = run(command, tests=left, on_start=on_start)
            self.hear(result)
            done = together(done, compare(recorded, result, removed=removed))
            if not done.good:
                break
        return done


def together(first: Comparison, then: Comparison) -> Comparison:
    """What two commands, one after the other, come to."""
    return msgspec.structs.replace(
        then,
        fixed=tuple(sorted({*first.fixed, *then.fixed})),
        seconds=first.seconds + then.seconds,
        tests=first.tests + then.tests,
    )
