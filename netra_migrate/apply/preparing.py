"""Everything about a step that can be known before a file is touched."""

from collections.abc import Mapping

import msgspec

from netra_migrate.apply import files
from netra_migrate.apply.files import Held, located, shown
from netra_migrate.apply.reading import diff
from netra_migrate.apply.records import Entry
from netra_migrate.apply.session import Tree
from netra_migrate.apply.terms import Tools
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.plan import Step
from netra_migrate.domain.rewriting import Change, Refusal, Refused, Rewritten
from netra_migrate.sources.files import digest


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A step's files as they are and as they are to be, by path."""

    old: Mapping[str, Held]
    new: Mapping[str, bytes]
    changes: Mapping[str, tuple[Change, ...]]

    @property
    def altered(self) -> tuple[str, ...]:
        """The paths whose bytes differ."""
        return tuple(path for path in self.new if self.new[path] != self.old[path].content)

    @property
    def diff(self) -> bytes:
        """All files' unified diffs."""
        return b"".join(diff(path, self.old[path].content, self.new[path]) for path in self.altered)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the journal is to say of it."""
        return tuple(
            Entry(
                path=path,
                before=digest(self.old[path].content),
                before_mode=self.old[path].mode,
                after=digest(self.new[path]),
                after_mode=self.old[path].mode,
            )
            for path in self.altered
        )


def prepare(
    step: Step, *, tree: Tree, tools: Tools, seen: Mapping[str, str], made: Mapping[str, str | None]
) -> Prepared | Refused:
    """Rewrite a step's files in memory.

    Args:
        step: what is to be migrated.
        tree: where.
        tools: the rewriter.
        seen: digests of files as the scan saw them.
        made: digests of files as the last step that holds left them.

    Raises:
        TreeError: a file is gone, or neither as seen nor as made.
    """
    old = {path: present(tree, path) for path in step.paths}
    for path, file in old.items():
        if path in seen and digest(file.content) not in (seen[path], made.get(path)):
            raise TreeError(f"{shown(path)}: changed since the scan: scan and plan again.")
    answers = {path: tools.rewrite(file.content, path) for path, file in old.items()}
    refusals = [
        refusal for each in answers.values() if isinstance(each, Refused) for refusal in each.refusals
    ]
    rewritten = {path: each for path, each in answers.items() if isinstance(each, Rewritten)}
    refusals += [
        Refusal(path=path, line=1, reason="is read-only: make it writable (chmod u+w) or exclude it")
        for path, each in rewritten.items()
        if each.content != old[path].content and not files.writable(old[path])
    ]
    if refusals:
        return Refused(refusals=tuple(sorted(refusals)))
    return Prepared(
        old=old,
        new={path: each.content for path, each in rewritten.items()},
        changes={path: each.changes for path, each in rewritten.items() if each.changes},
    )


def present(tree: Tree, path: str) -> Held:
    """A file of the plan.

    Raises:
        TreeError: it is gone.
    """
    file = files.read(located(tree.root, path))
    if file is None:
        raise TreeError(f"{shown(path)}: is gone since the scan: scan and plan again.")
    return file
