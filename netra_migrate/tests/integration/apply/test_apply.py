import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import pytest

from netra_migrate.apply import Options, Tools, apply, history, status
from netra_migrate.domain.outcomes import Exit, TreeError
from netra_migrate.domain.plan import Step
from netra_migrate.domain.rewriting import Refused, Rewritten
from netra_migrate.sources.files import digest
from netra_migrate.tests.integration.apply.trees import (
    FILES,
    LEGACY,
    STEPS,
    TOOLS,
    after,
    make_tree,
    removal,
    rewrite,
    snapshot,
    tree_at,
)
from netra_migrate.validation import Comparison

WRITE = Options(write=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree to migrate."""
    return make_tree(tmp_path / "a tree")


class Failing:
    """A validation that is worse wherever one file has been migrated."""

    def __init__(self, root: Path, path: str) -> None:
        self.place, self.runs = root / path, 0

    def __call__(
        self, tests: Sequence[str], *, removed: Collection[str], on_start: Callable[[int], None]
    ) -> Comparison:
        """A run of it."""
        self.runs += 1
        red = b"canonical" in self.place.read_bytes()
        return Comparison(new_failures=("t::one",) if red else (), seconds=1.5)


def test_a_dry_run_shows_diffs_and_writes_nothing(root: Path) -> None:
    """Not even a state folder."""
    before = snapshot(root)

    applied = apply(STEPS, tree=tree_at(root), tools=TOOLS, options=Options())

    assert applied.steps[1].diff.split(b"\n")[2:] == [
        b"@@ -1,3 +1,3 @@",
        b"-from app.legacy import Old\r",
        b"+from app.canonical import Old\r",
        b" \r",
        b" x = 1",
        b"\\ No newline at end of file",
        b"",
    ]
    assert (snapshot(root), (root / ".netra-migrate").exists()) == (before, False)


def test_all_steps_are_written_and_the_legacy_module_removed(root: Path) -> None:
    """Contents change, modes stay, and the state folder is private and ignored."""
    before = snapshot(root)

    applied = apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, removal=removal(root))

    assert snapshot(root) == after(before, STEPS, removed=True)
    assert [step.state.value for step in applied.steps] == ["applied"] * 4
    assert applied.exit is Exit.DONE
    state = root / ".netra-migrate"
    assert (state.stat().st_mode & 0o777, (state / ".gitignore").read_text()) == (0o700, "*\n")


def test_running_twice_changes_nothing(root: Path) -> None:
    """Also with the digests of the first scan, which no longer hold."""
    seen = {path: digest(content) for path, content in FILES.items()}
    apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, seen=seen)
    once = snapshot(root)

    again = apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, seen=seen)

    assert (snapshot(root), len(history(tree_at(root)))) == (once, 3)
    assert [step.state.value for step in again.steps] == ["applied"] * 3


@pytest.mark.parametrize(
    ("keep_going", "states"),
    [
        (False, ["applied", "failed", "pending", "pending"]),
        (True, ["applied", "failed", "applied", "pending"]),
    ],
)
def test_a_step_that_makes_it_worse_is_put_back(root: Path, keep_going: bool, states: list[str]) -> None:
    """Byte by byte and mode by mode; the others stand, and the legacy module stays."""
    before = snapshot(root)
    check = Failing(root, "app/b.py")
    tools = Tools(rewrite=rewrite, check=check)
    options = Options(write=True, keep_going=keep_going)

    applied = apply(STEPS, tree=tree_at(root), tools=tools, options=options, removal=removal(root))

    good = [step for step, state in zip(STEPS, states, strict=False) if state == "applied"]
    assert [step.state.value for step in applied.steps] == states
    assert snapshot(root) == after(before, good)
    assert (applied.exit, applied.steps[1].new_failures) == (Exit.ROLLED_BACK, ("t::one",))
    assert applied.steps[1].checking_seconds == 1.5


def test_the_time_of_rewriting_is_the_steps_own(root: Path) -> None:
    """So that the journal says what a file costs; the validation's is counted by itself."""
    spent: dict[str, float] = {}

    def slow(content: bytes, path: str) -> Rewritten | Refused:
        started = time.perf_counter()
        sum(range(2_000_000))
        spent[path] = time.perf_counter() - started
        return rewrite(content, path)

    apply(STEPS, tree=tree_at(root), tools=Tools(rewrite=slow), options=WRITE)

    own = {step.paths: step.own_seconds for step in history(tree_at(root))}
    assert own.keys() == {step.paths for step in STEPS}
    assert all(seconds >= sum(spent[path] for path in paths) for paths, seconds in own.items())


def test_a_refused_file_is_listed_and_its_step_skipped(root: Path) -> None:
    """The other file of the step stays as well; `stop_at_refusal` stops there."""
    (root / "app/c.py").write_bytes(b"import app.legacy\ngetattr(app, 'legacy')\n")
    before = snapshot(root)

    applied = apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, removal=removal(root))

    assert snapshot(root) == after(before, STEPS[:2])
    assert [each.reason for each in applied.steps[2].refusals] == ["is dynamic: write it out"]
    assert (applied.steps[3].state.value, applied.exit) == ("pending", Exit.FINDINGS)
    options = Options(write=True, stop_at_refusal=True)
    stopped = apply(tuple(reversed(STEPS)), tree=tree_at(root), tools=TOOLS, options=options)
    assert [step.state.value for step in stopped.steps] == ["refused", "pending", "pending"]


def test_the_legacy_module_stays_while_something_refers_to_it(root: Path) -> None:
    """The first place is named."""
    applied = apply(STEPS[:2], tree=tree_at(root), tools=TOOLS, options=WRITE, removal=removal(root))

    assert (root / LEGACY).exists()
    assert applied.steps[2].refusals[0].reason.startswith("2 places still refer to it, the first is ")


def test_code_that_does_not_parse_is_put_back_before_it_is_validated(root: Path) -> None:
    """A rewriter's mistake costs no run of the tests."""
    before = snapshot(root)
    check = Failing(root, "app/a.py")
    tools = Tools(rewrite=lambda content, path: Rewritten(content=b"def ("), check=check)

    applied = apply(STEPS[:1], tree=tree_at(root), tools=tools, options=WRITE)

    assert (snapshot(root), check.runs) == (before, 0)
    assert applied.steps[0].reason.startswith("app/a.py: is not Python after the rewrite")


def test_code_whose_imports_lead_nowhere_is_put_back(root: Path) -> None:
    """The resolver sees what is on the disk."""
    before = snapshot(root)
    sentence = "app/a.py:1: there is no app.canonical.Old"
    tools = Tools(
        rewrite=rewrite, resolve=lambda path, content: (sentence,) if b"canonical" in content else ()
    )

    applied = apply(STEPS[:1], tree=tree_at(root), tools=tools, options=WRITE)

    assert (snapshot(root), applied.steps[0].reason) == (before, sentence)


def test_a_file_changed_since_the_scan_stops_the_run(root: Path) -> None:
    """Earlier steps stand, the edit stays."""
    seen = {path: digest(content) for path, content in FILES.items()}
    (root / "app/b.py").write_bytes(b"import app.legacy  # edited\n")
    before = snapshot(root)

    with pytest.raises(TreeError, match=r"^app/b\.py: changed since the scan"):
        apply(STEPS, tree=tree_at(root), tools=TOOLS, options=WRITE, seen=seen)

    assert snapshot(root) == after(before, STEPS[:1])


def test_a_file_edited_while_its_step_is_rewritten_keeps_the_edit(root: Path) -> None:
    """The other file of the step is as before, too."""
    before = snapshot(root)

    def slow(content: bytes, path: str) -> Rewritten | Refused:
        (root / "app/d.py").write_bytes(b"edited\n")
        return rewrite(content, path)

    with pytest.raises(TreeError, match=r"^app/d\.py: changed while it was worked on"):
        apply(STEPS[2:], tree=tree_at(root), tools=Tools(rewrite=slow), options=WRITE)

    assert snapshot(root) == {**before, "app/d.py": (b"edited\n", 0o640)}


def test_a_validation_that_changes_the_files_fails_the_step(root: Path) -> None:
    """What was validated is not what stands there."""
    before = snapshot(root)

    def formats(tests: Sequence[str], **_: object) -> Comparison:
        (root / "app/a.py").write_bytes(b"import formatted\n")
        return Comparison()

    applied = apply(STEPS[:1], tree=tree_at(root), tools=Tools(rewrite=rewrite, check=formats), options=WRITE)

    assert (snapshot(root), applied.steps[0].reason) == (
        before,
        "app/a.py: was changed while the step was validated",
    )


def test_an_interrupted_validation_puts_the_step_back(root: Path) -> None:
    """Ctrl-C is no reason to leave half a step behind."""
    before = snapshot(root)

    def interrupted(tests: Sequence[str], **_: object) -> Comparison:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(STEPS, tree=tree_at(root), tools=Tools(rewrite=rewrite, check=interrupted), options=WRITE)

    assert snapshot(root) == before
    assert [(each.state.value, each.reason) for each in history(tree_at(root))] == [
        ("pending", "KeyboardInterrupt")
    ]


@pytest.mark.parametrize(
    "path", ["../outside.py", "/etc/hosts", "app/../../outside.py", "", "a\0b", "out/x.py"]
)
def test_paths_that_lead_out_are_refused(root: Path, path: str) -> None:
    """By dots, absolutely, or through a link."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "x.py").write_bytes(b"import app.legacy\n")
    (root.parent / "outside.py").write_bytes(b"import app.legacy\n")
    (root / "out").symlink_to(outside)
    step = Step(number=1, paths=(path,), references=1)

    with pytest.raises(TreeError, match="leads out of the project"):
        apply([step], tree=tree_at(root), tools=TOOLS, options=WRITE)

    assert (outside / "x.py").read_bytes() == b"import app.legacy\n"


def test_a_link_in_place_of_a_file_is_refused(root: Path) -> None:
    """Replacing it would turn the link into a file."""
    (root / "app/e.py").symlink_to(root / "app/a.py")

    with pytest.raises(TreeError, match=r"^app/e\.py: is a symbolic link"):
        apply(
            [Step(number=1, paths=("app/e.py",), references=1)],
            tree=tree_at(root),
            tools=TOOLS,
            options=WRITE,
        )

    assert (root / "app/e.py").is_symlink()


def test_a_read_only_file_is_refused_with_the_way_out(root: Path) -> None:
    """Also for root, whom the system would let."""
    (root / "app/a.py").chmod(0o440)
    before = snapshot(root)

    applied = apply(STEPS[:1], tree=tree_at(root), tools=TOOLS, options=WRITE)

    assert (snapshot(root), [each.reason for each in applied.steps[0].refusals]) == (
        before,
        ["is read-only: make it writable (chmod u+w) or exclude it"],
    )


def test_status_tells_every_step_and_records_can_be_followed(root: Path) -> None:
    """The listener gets what the journal holds, in order."""
    told: list[str] = []
    tree = msgspec.structs.replace(
        tree_at(root), listen=lambda noted: told.append(type(noted.record).__name__)
    )
    (root / "app/d.py").write_bytes(b"getattr(app, 'legacy')\n")
    check = Failing(root, "app/b.py")

    apply(STEPS, tree=tree, tools=Tools(rewrite=rewrite, check=check), options=WRITE)

    steps = status(tree)
    assert [(each.number, each.action, each.state.value) for each in steps] == [
        (1, 1, "applied"),
        (2, 2, "failed"),
        (3, None, "pending"),
    ]
    assert (steps[0].changes, steps[0].checking_seconds, steps[1].new_failures) == (1, 1.5, ("t::one",))
    assert told == ["Opened", "Began", "Done", "Began", "Undone", "Closed"]
    keeping = Options(write=True, keep_going=True)
    apply(STEPS, tree=tree, tools=Tools(rewrite=rewrite, check=check), options=keeping)
    assert [each.state.value for each in status(tree)] == ["applied", "failed", "refused"]
