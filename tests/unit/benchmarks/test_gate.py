"""The performance gate of the runtime: what it says of series, which trees it takes, whose code it measures."""

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same noise each time

import msgspec
import pytest

from benchmarks.gate.judging import BASELINES, LEAST_PAIRS, USUAL_PAIRS, code, kept, performance, place
from benchmarks.gate.sample import FIGURES, INSIDE, MEMORY, RATE, WORK
from benchmarks.gate.trees import lay_out, usual_base
from benchmarks.processes import ROOT, BenchmarkError
from netra_migrate.domain.performance import GateReport, Judgement, MachineClass, Recording
from netra_migrate.gate.comparison import compare

MACHINE = MachineClass(cpu="Some CPU @ 3 GHz", cores=2, python="3.11.7")
USUAL = {FIGURES[0]: 900.0, FIGURES[1]: 4.0, FIGURES[2]: 1500.0, FIGURES[3]: 31.0}
DRIFT, NOISE = 0.3, 0.03
"""Of a busy machine, as seen: it drifts for both sides of a pair alike, and each sample has its own bit."""


def series(seed: int, slower: Mapping[str, float], *, pairs: int = USUAL_PAIRS) -> GateReport:
    """What the gate says of pairs in which the second side takes `slower` times as much."""
    chance = Random(seed)  # noqa: S311 - no secret
    before: dict[str, Sequence[float]] = {}
    now: dict[str, Sequence[float]] = {}
    for name, usual in USUAL.items():
        drift = [usual * math.exp(chance.gauss(0, DRIFT)) for _ in range(pairs)]
        factor = 1 / slower.get(name, 1) if name == RATE else slower.get(name, 1)
        before[name] = [value * math.exp(chance.gauss(0, NOISE)) for value in drift]
        now[name] = [value * factor * math.exp(chance.gauss(0, NOISE)) for value in drift]
    return compare(performance(pairs), before, now, machine=MACHINE)


def test_no_change_passes() -> None:
    """Noise alone fails at most one gate in a hundred, on a machine that drifts by a third."""
    assert sum(not series(seed, {}).passed for seed in range(100)) <= 1


@pytest.mark.parametrize("figure", FIGURES)
def test_slower_by_a_fifth_fails(figure: str) -> None:
    """A loss of 20 % in any one figure is named, and no other figure is, with the fewest pairs as well."""
    for seed in range(30):
        for pairs in (LEAST_PAIRS, USUAL_PAIRS):
            report = series(seed, {figure: 1.2}, pairs=pairs)
            assert [each.figure for each in report.comparisons if each.judgement is Judgement.REGRESSION] == [
                figure
            ]
            assert not report.passed


def test_faster_by_a_fifth_passes() -> None:
    """A gain is no loss, also of the figure of which more is better."""
    assert all(series(seed, dict.fromkeys(FIGURES, 1 / 1.2)).passed for seed in range(30))


def test_small_loss_passes() -> None:
    """What is lost, but less than the gate looks for, does not stop a commit."""
    assert all(series(seed, {WORK: 1.02, MEMORY: 1.02}).passed for seed in range(30))


def test_exit_codes() -> None:
    """A regression is worse than a figure that could not be compared."""
    alike = {name: [usual] * USUAL_PAIRS for name, usual in USUAL.items()}
    without = alike | {MEMORY: [0.0] * USUAL_PAIRS}
    assert code(series(0, {})) == 0
    assert code(series(0, {WORK: 1.2})) == 1
    assert code(compare(performance(USUAL_PAIRS), alike, without, machine=MACHINE)) == 2


def test_too_few_pairs_are_refused() -> None:
    """A gate that could never fail is not run."""
    with pytest.raises(BenchmarkError, match=f"take {LEAST_PAIRS}"):
        performance(LEAST_PAIRS - 1)


def test_baseline_is_of_a_class_of_machine(tmp_path: Path) -> None:
    """A baseline is found on the same class of machine only, and a broken one is said to be."""
    recording = Recording(machine=MACHINE, series={RATE: (900.0, 910.0)})
    file = place(MACHINE, tmp_path)
    file.write_bytes(msgspec.json.encode(recording))
    assert kept(MACHINE, tmp_path) == recording
    with pytest.raises(BenchmarkError, match="no baseline for this class"):
        kept(msgspec.structs.replace(MACHINE, cores=64), tmp_path)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        kept(MACHINE, tmp_path)


def test_baselines_stay_out_of_git() -> None:
    """Where baselines are kept is ignored: they belong to a machine, not to a commit."""
    ignored = subprocess.run(  # noqa: S603 - fixed words
        ["git", "check-ignore", "--quiet", str(BASELINES / "any.json")],  # noqa: S607 - the git of the developer
        cwd=ROOT,
        check=False,
    )
    assert ignored.returncode == 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a tree that looks like ours: `netra_backend/__init__.py` says 1, then 2."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    for number in ("1", "2"):
        for part in ("netra_backend", "netra_migrate", "benchmarks"):
            (root / part).mkdir(exist_ok=True)
            (root / part / "__init__.py").write_text(f"{number}\n", encoding="utf-8")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", f"Number {number}")
    return root


def git(root: Path, *arguments: str) -> str:
    """Run Git without anybody's settings."""
    who = {
        f"GIT_{role}_{what}": "a@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1", **who}
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    return done.stdout.strip()


def test_a_commit_is_laid_out_and_the_repository_is_left_alone(repository: Path, tmp_path: Path) -> None:
    """The tree of the commit, not of the checkout; no worktree is registered."""
    assert lay_out("HEAD~1", tmp_path / "a", root=repository).endswith("Number 1")
    assert (tmp_path / "a/netra_backend/__init__.py").read_text(encoding="utf-8") == "1\n"
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_working_tree_is_laid_out_with_its_changes(repository: Path, tmp_path: Path) -> None:
    """Files that are changed or new, committed or not."""
    (repository / "netra_backend/__init__.py").write_text("3\n", encoding="utf-8")
    (repository / "netra_backend/new.py").write_text("4\n", encoding="utf-8")
    assert lay_out(None, tmp_path / "a", root=repository) == "the working tree"
    assert (tmp_path / "a/netra_backend/__init__.py").read_text(encoding="utf-8") == "3\n"
    assert (tmp_path / "a/netra_backend/new.py").exists()


@pytest.mark.parametrize("what", ["nonsense", "--all", "HEAD:netra_backend"])
def test_no_commit_is_one_sentence(repository: Path, tmp_path: Path, what: str) -> None:
    """What is neither a folder nor a commit is refused, also if it looks like an option."""
    with pytest.raises(BenchmarkError, match="name another commit"):
        lay_out(what, tmp_path / "a", root=repository)


def test_folder_without_a_server_is_refused(repository: Path, tmp_path: Path) -> None:
    """A folder that is no checkout."""
    with pytest.raises(BenchmarkError, match="name the root of a checkout"):
        lay_out(str(tmp_path), tmp_path / "a", root=repository)


def test_usual_base(repository: Path) -> None:
    """On main the commit before, with changes the last one, on a branch where it left main."""
    first, second = git(repository, "rev-parse", "HEAD~1"), git(repository, "rev-parse", "HEAD")
    assert usual_base(repository) == first
    (repository / "netra_backend/__init__.py").write_text("3\n", encoding="utf-8")
    assert usual_base(repository) == second
    git(repository, "checkout", "--quiet", "-b", "branch")
    git(repository, "commit", "--quiet", "--all", "--message", "Number 3")
    assert usual_base(repository) == second


def inside(tree: Path) -> subprocess.CompletedProcess[str]:
    """Ask for a server of a tree, as a sample does."""
    command = [sys.executable, "-P", str(INSIDE), str(tree), "serve", "1", "--port", "0"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tree)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own


def test_the_tree_s_own_code_is_measured(tmp_path: Path) -> None:
    """The code of the tree runs, although another Netra is installed."""
    stack = tmp_path / "netra_backend" / "stack"
    stack.mkdir(parents=True)
    for folder in (stack.parent, stack):
        (folder / "__init__.py").touch()
    (stack / "child.py").write_text("import sys\ndef main(): print('mine', sys.argv)\n", encoding="utf-8")
    assert inside(tmp_path).stdout == "mine ['netra', '1', 'netra_backend.cli', 'serve', '--port', '0']\n"


def test_the_code_of_another_tree_is_refused(tmp_path: Path) -> None:
    """Where the tree has no server, the installed one is not measured instead."""
    refused = inside(tmp_path)
    assert refused.returncode == 1
    assert "would be measured instead" in refused.stderr
