"""What a process is told that examines files: which, and what for. Kept light: a repeated scan examines none."""

from pathlib import Path
from typing import NamedTuple

from netra_migrate.scan.facts import Aim
from netra_migrate.sources.cache import Record, Stamp
from netra_migrate.sources.kinds import Kind


class Task(NamedTuple):
    """A file to examine. `whole`: read it all, whatever the glance says; `old`: what was remembered."""

    path: str
    kind: Kind
    stamp: Stamp
    whole: bool = False
    old: Record | None = None


class Bench(NamedTuple):
    """What a process needs to examine files."""

    root: Path
    aim: Aim
    source_roots: tuple[str, ...]
    tops: frozenset[str]
