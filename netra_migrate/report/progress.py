"""How far a long piece of work is: a bar on a terminal, a plain line every five seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from netra_migrate.report.escaping import visible

Tell = Callable[..., None]
"""`tell(done, total, what="")`: absolute counts, and what is being worked on."""

DRAW_S: Final = 0.1
"""Between two pictures of a bar."""

LINE_S: Final = 5.0
"""Between two lines of a log: enough to see life, too few to drown it."""


@contextmanager
def progress(task: str, *, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> Iterator[Tell]:
    """Shows what it is told on `stream`, which is never the one of results."""
    if stream.isatty():
        with _bar(task, stream, clock) as tell:
            yield tell
    else:
        yield _lines(task, stream, clock)


@contextmanager
def _bar(task: str, stream: IO[str], clock: Callable[[], float]) -> Iterator[Tell]:
    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[what]}", markup=False, style="dim"),
    )
    # Without a thread that refreshes: processes can be forked only while there is no other thread.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as shown:
        drawn = 0.0
        known = shown.add_task(task, total=None, what="")

        def tell(done: int, total: int, what: str = "") -> None:
            nonlocal drawn
            if drawn and done < total and clock() - drawn < DRAW_S:
                return
            drawn = clock()
            name = Text(visible(what))
            name.truncate(48, overflow="ellipsis")
            shown.update(known, completed=done, total=total, what=name.plain, refresh=True)

        yield tell


def _lines(task: str, stream: IO[str], clock: Callable[[], float]) -> Tell:
    last = clock()

    def tell(done: int, total: int, what: str = "") -> None:
        nonlocal last
        now = clock()
        if now - last < LINE_S:
            return
        last = now
        stream.write(f"{task}: {done} of {total}{f', {visible(what)}' if what else ''}\n")
        stream.flush()

    return tell
