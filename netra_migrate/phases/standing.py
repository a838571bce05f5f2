"""Where a run of the phases stands, kept in the state folder after each of them, so that it can go on."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.sources import files
from netra_migrate.sources.state import prepared
from netra_migrate.validation import born, kill_group

NAME: Final = "phases.json"


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase so far. `complaints`: what stands against it, a sentence each; `done`: nothing does."""

    name: str
    done: bool = False
    outcomes: tuple[PhaseOutcome, ...] = ()
    complaints: tuple[str, ...] = ()
    seconds: float = 0.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        here: folder of the `migration.toml` that it began with.
        before: the tree as it was, for comparisons.
        branch: where steps are committed; None for no commits.
        own: whether the tree is our copy, so that nobody else's changes are in it.
        phases: by name, those that were begun.
        removal: how the suites ended when the legacy module was deleted, the first run of the final ones.
        group, born: of the process group that is at work, to be ended if we are killed.
    """

    version: int = 1
    here: str
    before: str
    branch: str | None = None
    own: bool = False
    phases: Mapping[str, Phase] = {}
    removal: tuple[PhaseOutcome, ...] = ()
    group: int = 0
    born: str = ""

    def done(self, name: str) -> bool:
        """Whether a phase has ended well."""
        return name in self.phases and self.phases[name].done

    @property
    def outcomes(self) -> tuple[PhaseOutcome, ...]:
        """Of all phases, in their order."""
        return tuple(outcome for phase in self.phases.values() for outcome in phase.outcomes)


def load(state: Path) -> Standing | None:
    """Where the run of a tree stands; None before the first.

    Raises:
        TreeError: it cannot be read.
    """
    place = state / NAME
    try:
        return msgspec.json.decode(place.read_bytes(), type=Standing)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise TreeError(f"{place} cannot be read ({error}): start again with --again.") from error


def save(state: Path, standing: Standing) -> None:
    """Keep it; a reader sees the old or the new."""
    files.write(prepared(state) / NAME, msgspec.json.encode(standing))


def end_left_over(standing: Standing) -> None:
    """End the suites that a killed run left at work."""
    if standing.born and born(standing.group) == standing.born:
        kill_group(standing.group)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold the phases of a tree for this process; its steps have a lock of their own.

    Raises:
        TreeError: another run holds them.
    """
    descriptor = os.open(prepared(state) / "run.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TreeError(
                "Another `netra migrate run` is at work on this tree: wait for its end."
            ) from None
        yield
    finally:
        os.close(descriptor)
