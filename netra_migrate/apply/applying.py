"""Applies a plan step by step: rewrite, write, read again, validate, keep or take back. Dry unless asked."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from netra_migrate.apply import files
from netra_migrate.apply.files import located, shown
from netra_migrate.apply.preparing import Prepared, prepare, present
from netra_migrate.apply.reading import unreadable
from netra_migrate.apply.records import Closed, Declined, Done, Entry, Kind, Undone
from netra_migrate.apply.session import Action, NamesGroup, Session, Tree, session
from netra_migrate.apply.terms import Applied, Options, Removal, State, StepResult, Tools
from netra_migrate.domain.outcomes import TreeError
from netra_migrate.domain.plan import Step
from netra_migrate.domain.rewriting import Change, Refusal, Refused
from netra_migrate.sources.files import digest
from netra_migrate.validation import Comparison


def apply(
    steps: Sequence[Step],
    *,
    tree: Tree,
    tools: Tools,
    options: Options,
    seen: Mapping[str, str] | None = None,
    removal: Removal | None = None,
) -> Applied:
    """Apply `steps` in order, then remove what nothing refers to any more.

    Args:
        steps: of the plan.
        tree: where.
        tools: what rewrites and validates.
        options: without `write`, the result holds diffs, and nothing is written, not even a state folder.
        seen: `sources.files.digest` of files as the scan saw them; a file that is another now, and not by
            our own doing, stops the run.
        removal: what to delete at the end.

    Raises:
        TreeError: the tree cannot be worked on, or was changed meanwhile; it is as before the step.
    """
    run = _Run(tree=tree, tools=tools, options=options, seen=seen or {})
    if not options.write:
        return Applied(steps=tuple(run.dry(step) for step in steps))
    with session(tree, force=options.force) as held:
        run.refuse_uncommitted(held, [path for step in steps for path in step.paths])
        held.open([step.paths for step in steps], options.branch)
        results = list(run.all(held, steps))
        if removal is not None:
            results.append(run.remove(held, removal, results))
        held.note(Closed())
    return Applied(steps=tuple(results))


class _Run(msgspec.Struct, frozen=True, kw_only=True):
    tree: Tree
    tools: Tools
    options: Options
    seen: Mapping[str, str]

    def dry(self, step: Step) -> StepResult:
        prepared = prepare(step, tree=self.tree, tools=self.tools, seen=self.seen, made={})
        if isinstance(prepared, Refused):
            return _result(step, State.REFUSED, refusals=prepared.refusals)
        return _result(step, State.PENDING, changes=prepared.changes, diff=prepared.diff)

    def refuse_uncommitted(self, held: Session, paths: Sequence[str]) -> None:
        if self.options.allow_dirty or held.repository is None:
            return
        for path in held.repository.uncommitted(paths):
            if not _as_we_left_it(held, path):
                raise TreeError(
                    f"{shown(path)}: has uncommitted changes: commit or stash them, or allow them."
                )

    def all(self, held: Session, steps: Sequence[Step]) -> Iterator[StepResult]:
        stopped = False
        for step in steps:
            if stopped:
                yield _result(step, State.PENDING)
                continue
            result = self._step(held, step)
            yield result
            stopped = (result.state is State.FAILED and not self.options.keep_going) or (
                result.state is State.REFUSED and self.options.stop_at_refusal
            )

    def _step(self, held: Session, step: Step) -> StepResult:
        started = time.perf_counter()
        made = {path: _made(held, path) for path in step.paths}
        prepared = prepare(step, tree=self.tree, tools=self.tools, seen=self.seen, made=made)
        if isinstance(prepared, Refused):
            held.note(Declined(number=step.number, paths=step.paths, refusals=prepared.refusals))
            return _result(step, State.REFUSED, refusals=prepared.refusals)
        if not prepared.altered:
            return _result(step, State.APPLIED)
        done = held.act(
            Action(
                kind=Kind.STEP,
                number=step.number,
                entries=prepared.entries,
                old={path: prepared.old[path].content for path in prepared.altered},
                new=prepared.new,
                changes=sum(len(changes) for changes in prepared.changes.values()),
                spent=time.perf_counter() - started,
            ),
            verify=lambda: self._verify(prepared.altered),
            check=self._check(step.tests, ()),
        )
        return _ended(step, done, prepared)

    def _verify(self, paths: Sequence[str]) -> str | None:
        """Why files as they now stand on the disk are no code that can be imported; None if they are."""
        for path in paths:
            content = present(self.tree, path).content
            if (reason := unreadable(path, content)) is not None:
                return reason
            for problem in self.tools.resolve(path, content):
                return problem
        return None

    def _check(
        self, tests: Sequence[str], removed: Sequence[str]
    ) -> Callable[[NamesGroup], Comparison] | None:
        check = self.tools.check
        return None if check is None else lambda tell: check(tests, removed=removed, on_start=tell)

    def remove(self, held: Session, removal: Removal, results: Sequence[StepResult]) -> StepResult:
        step = Step(number=0, paths=removal.paths, references=0)
        if any(result.state is not State.APPLIED for result in results):
            return _result(step, State.PENDING, reason="not all files are migrated yet")
        left = removal.references()
        if left:
            reason = f"{len(left)} places still refer to it, the first is {shown(left[0])}"
            refusals = (Refusal(path=removal.paths[0], line=1, reason=reason),)
            held.note(Declined(number=0, paths=removal.paths, refusals=refusals))
            return _result(step, State.REFUSED, refusals=refusals)
        places = ((path, files.read(located(self.tree.root, path))) for path in removal.paths)
        old = {path: file for path, file in places if file is not None}
        if not old:
            return _result(step, State.APPLIED)
        entries = tuple(
            Entry(path=path, before=digest(file.content), before_mode=file.mode) for path, file in old.items()
        )
        contents = {path: file.content for path, file in old.items()}
        done = held.act(
            Action(kind=Kind.REMOVAL, entries=entries, old=contents, new={}),
            check=self._check((), removal.paths),
        )
        return _ended(step, done, None)


def _made(held: Session, path: str) -> str | None:
    entry = held.ledger.made(path)
    return None if entry is None else entry.after


def _as_we_left_it(held: Session, path: str) -> bool:
    file = files.read(located(held.root, path))
    return file is not None and digest(file.content) == _made(held, path)


def _ended(step: Step, end: Done | Undone, prepared: Prepared | None) -> StepResult:
    result = StepResult(
        number=step.number,
        paths=step.paths,
        state=State.APPLIED,
        changes=prepared.changes if prepared else {},
        diff=prepared.diff if prepared else b"",
        checking_seconds=end.checking_seconds,
        own_seconds=end.own_seconds,
    )
    if isinstance(end, Done):
        return result
    return msgspec.structs.replace(
        result,
        state=State.FAILED,
        reason=end.reason,
        new_failures=end.new_failures,
        disappeared=end.disappeared,
    )


def _result(
    step: Step,
    state: State,
    *,
    refusals: tuple[Refusal, ...] = (),
    changes: Mapping[str, tuple[Change, ...]] | None = None,
    diff: bytes = b"",
    reason: str = "",
) -> StepResult:
    return StepResult(
        number=step.number,
        paths=step.paths,
        state=state,
        refusals=refusals,
        changes=changes or {},
        diff=diff,
        reason=reason,
    )
