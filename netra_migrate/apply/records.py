"""What the journal says: one record for each thing that happened or is about to. No I/O.

An action (a step, the removal of the legacy module, a rollback) begins with `Began`, which names every
file with the contents before and after, and ends with `Done` or `Undone`. Without an end it is undone at
the next start.
"""

from enum import StrEnum

import msgspec

from netra_migrate.domain.rewriting import Refusal


class Kind(StrEnum):
    """What an action is."""

    STEP = "step"
    REMOVAL = "removal"
    ROLLBACK = "rollback"


class Cause(StrEnum):
    """Why an action was undone."""

    FAILED = "failed"
    """Its result was worse than what was before."""
    INTERRUPTED = "interrupted"
    """The process ended within it."""
    STOPPED = "stopped"
    """An error of the system or a person's Ctrl-C."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file in an action: fingerprints and modes; None where there is no file."""

    path: str
    before: str | None = None
    before_mode: int | None = None
    after: str | None = None
    after_mode: int | None = None


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """One file of one earlier action that a rollback takes back."""

    action: int
    path: str


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what"):
    pass


class Opened(_Record, frozen=True, kw_only=True, tag="opened"):
    """A run begins. `steps`: the paths of each, in order; `branch`: where it commits, if anywhere."""

    steps: tuple[tuple[str, ...], ...] = ()
    branch: str | None = None


class Began(_Record, frozen=True, kw_only=True, tag="began"):
    """From here on files may be touched. `action` counts through the whole journal, from 1."""

    action: int
    kind: Kind
    number: int = 0
    entries: tuple[Entry, ...]
    undoes: tuple[Undo, ...] = ()
    changes: int = 0


class Checking(_Record, frozen=True, kw_only=True, tag="checking"):
    """A validation command runs, in the process group `group`, whose leader was `born` then."""

    action: int
    group: int
    born: str = ""


class Done(_Record, frozen=True, kw_only=True, tag="done"):
    """The action holds. Seconds: of the validation commands, and of everything else, from its rewriting on."""

    action: int
    checking_seconds: float = 0.0
    own_seconds: float = 0.0
    tests: int = 0
    fixed: tuple[str, ...] = ()


class Committed(_Record, frozen=True, kw_only=True, tag="committed"):
    """The action is in git. `commit` is empty where git follows none of its files."""

    action: int
    commit: str = ""


class Undone(_Record, frozen=True, kw_only=True, tag="undone"):
    """Every file of the action is what it was before."""

    action: int
    cause: Cause
    reason: str = ""
    new_failures: tuple[str, ...] = ()
    disappeared: tuple[str, ...] = ()
    output: str = ""
    checking_seconds: float = 0.0
    own_seconds: float = 0.0


class Declined(_Record, frozen=True, kw_only=True, tag="declined"):
    """A step was not begun, for these reasons."""

    number: int
    paths: tuple[str, ...]
    refusals: tuple[Refusal, ...] = ()


class Closed(_Record, frozen=True, kw_only=True, tag="closed"):
    """A run came to its end."""


Record = Opened | Began | Checking | Done | Committed | Undone | Declined | Closed


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """A record and when it was written, ISO 8601 in UTC."""

    at: str
    record: Record
