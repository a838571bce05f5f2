import os
import select
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from netra_migrate.domain.outcomes import MigrationError
from netra_migrate.validation import COMMAND, Checker, Command, Ending, Result, record, run
from netra_migrate.validation.command import NO_XDIST, expanded
from netra_migrate.validation.process import OUTPUT_LIMIT

PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio")
TESTS = {
    "pytest.ini": "[pytest]\naddopts = -x --strict-config\n",
    "test_broken.py": "def (",
    "test_one.py": "import pytest\n\ndef test_bad():\n    assert 0, 'no'\n\ndef test_good():\n    pass\n"
    "\n@pytest.mark.skip\ndef test_idle():\n    pass\n",
    "test_two.py": "def test_two():\n    pass\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a red suite, a file that cannot be collected, and `-x` in its settings."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # plugins of ours take seconds to import
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def python(root: Path, code: str, *, timeout_s: float = 60) -> Command:
    """A command that is a Python program."""
    return Command(arguments=(sys.executable, "-c", code), folder=root, timeout_s=timeout_s)


def outcomes(result: Result) -> dict[str, str]:
    """Test id to outcome."""
    return {name: test.outcome.value for name, test in result.tests.items()}


def test_pytest_is_read_test_by_test_and_leaves_nothing_behind(root: Path) -> None:
    """All tests run, although the suite is red, has a broken file, and stops at the first failure."""
    before = sorted(os.listdir(root))

    result = run(Command(arguments=PYTEST, folder=root))

    assert outcomes(result) == {
        "test_broken": "error",
        "test_one::test_bad": "failed",
        "test_one::test_good": "passed",
        "test_one::test_idle": "skipped",
        "test_two::test_two": "passed",
    }
    assert (result.ending, result.exit_code, sorted(os.listdir(root))) == (Ending.EXITED, 1, before)


def test_a_baseline_lets_a_red_suite_pass_and_a_new_failure_not(root: Path) -> None:
    """Through the checker, as apply uses it."""
    command = Command(arguments=(*PYTEST, "{tests}"), folder=root)
    baseline = record([command], choices=[("test_one.py",)])
    checker = Checker(commands=(command,), baseline=baseline)
    assert checker.check(["test_one.py"]).good

    (root / "test_one.py").write_text("def test_bad():\n    assert 0\n\ndef test_good():\n    assert 0\n")

    comparison = checker.check(["test_one.py"])
    assert comparison.new_failures == ("test_one::test_good",)
    assert "test_good" in comparison.output
    (root / "test_two.py").unlink()
    assert not checker.check().good
    everything = checker.check(removed=["test_two.py"])
    assert (everything.new_failures, everything.disappeared) == (("test_one::test_good",), ())


def test_a_quick_command_that_got_worse_spares_the_full_one(root: Path) -> None:
    """The full one leaves a mark when it runs."""
    quick = python(root, "import os, sys; sys.exit(os.path.exists('worse'))")
    full = python(root, "open('ran', 'a').write('x')")
    checker = Checker(commands=(quick, full), baseline=record([quick, full]))
    (root / "worse").touch()

    comparison = checker.check()

    assert (comparison.new_failures, (root / "ran").read_text()) == ((COMMAND,), "x")


def test_tests_that_differ_by_themselves_are_known_as_flaky(root: Path) -> None:
    """Recorded twice."""
    (root / "test_one.py").write_text(
        "import pathlib\nmark = pathlib.Path('mark')\n\ndef test_odd():\n"
        "    first = not mark.exists()\n    mark.touch()\n    assert first\n"
    )
    command = Command(arguments=PYTEST, folder=root)

    baseline = record([command], times=2)

    assert baseline.recorded[0].flaky == ("test_one::test_odd",)
    assert Checker(commands=(command,), baseline=baseline).check().good


def test_a_command_that_hangs_is_killed_with_all_its_children(root: Path) -> None:
    """Grandchildren too, also those that began a session of their own and hold the output open."""
    code = (
        "import subprocess, sys, time\n"
        "for own in (False, True):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=own)\n"
        "    print(child.pid, flush=True)\n"
        "open('started', 'w').close()\n"
        "time.sleep(600)\n"
    )
    result = run(python(root, code, timeout_s=3))

    assert (result.ending, result.reason) == (
        Ending.TIMEOUT,
        "the command did not end within 3 s and was killed",
    )
    assert (root / "started").exists()
    for pid in map(int, result.output.split()):
        assert _is_gone(pid)


def _is_gone(pid: int) -> bool:
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], 10)[0])
    finally:
        os.close(watch)


def test_a_server_left_behind_does_not_hold_up_the_result(root: Path) -> None:
    """It ends with the command."""
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)\n"
    )
    result = run(python(root, code, timeout_s=100))

    assert (result.ending, result.seconds < 50) == (Ending.EXITED, True)
    assert _is_gone(int(result.output))


def test_only_the_end_of_endless_output_is_kept(root: Path) -> None:
    """And it takes no more memory than twice that."""
    result = run(
        python(root, "import sys\nfor _ in range(400): print('x' * 10000)\nprint('FAILED a')\nsys.exit(1)")
    )

    assert (len(result.output), result.output[-9:], result.complete) == (OUTPUT_LIMIT, "FAILED a\n", False)
    assert outcomes(result) == {"a": "failed", COMMAND: "failed"}


@pytest.mark.parametrize(
    ("code", "ending", "sentence"),
    [
        ("import os; os.kill(os.getpid(), 9)", Ending.KILLED, "signal 9"),
        ("import sys; sys.exit(139)", Ending.KILLED, "signal 11"),
        ("", Ending.GARBAGE, "report cannot be read"),
        ("import sys; open(sys.argv[1], 'w').write('Segmentation fault')", Ending.GARBAGE, "not XML"),
    ],
)
def test_a_command_that_dies_or_leaves_garbage_says_so(
    root: Path, code: str, ending: Ending, sentence: str
) -> None:
    """With a report asked for."""
    result = run(Command(arguments=(sys.executable, "-c", code, "{junit}"), folder=root))

    assert (result.ending, sentence in result.reason) == (ending, True)


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        ((*PYTEST, "--no-such-option"), Ending.GARBAGE),
        (("no-such-program-here",), Ending.NOT_FOUND),
        (("/",), Ending.NOT_FOUND),
    ],
)
def test_a_command_that_cannot_work_is_no_baseline(
    root: Path, arguments: tuple[str, ...], ending: Ending
) -> None:
    """There would be nothing to compare with."""
    command = Command(arguments=arguments, folder=root)

    assert run(command).ending is ending
    with pytest.raises(MigrationError, match="There is no baseline"):
        record([command])


def test_an_exit_code_that_no_test_explains_is_a_failure(root: Path) -> None:
    """As of a coverage limit."""
    (root / "conftest.py").write_text("def pytest_sessionfinish(session):\n    session.exitstatus = 1\n")

    result = run(Command(arguments=(*PYTEST, "test_two.py"), folder=root))

    assert outcomes(result) == {"test_two::test_two": "passed", COMMAND: "failed"}


def test_a_suite_interrupted_in_the_middle_is_garbage(root: Path) -> None:
    """Half a result is none."""
    (root / "test_two.py").write_text("def test_two():\n    raise KeyboardInterrupt\n")

    assert run(Command(arguments=(*PYTEST, "test_two.py"), folder=root)).ending is Ending.GARBAGE


def test_unittest_is_read_by_its_lines(root: Path) -> None:
    """Failures by name, and the command as a whole."""
    (root / "test_three.py").write_text(
        "import unittest\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        self.fail()\n"
        "    def test_b(self):\n        pass\n"
    )
    result = run(Command(arguments=(sys.executable, "-m", "unittest", "-v", "test_three"), folder=root))

    assert outcomes(result) == {
        "test_a (test_three.A.test_a)": "failed",
        "test_b (test_three.A.test_b)": "passed",
        COMMAND: "failed",
    }
    assert (record([python(root, "raise SystemExit(1)")]).recorded[0].blind, result.complete) == (True, True)


def test_the_environment_is_the_persons_without_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the kit, of a test run or of a git hook around it; what is configured is added."""
    for name in ("NETRA_MIGRATE_X", "PYTEST_XDIST_WORKER", "GIT_DIR", "KEPT"):
        monkeypatch.setenv(name, "outer")
    names = ("NETRA_MIGRATE_X", "PYTEST_XDIST_WORKER", "GIT_DIR", "KEPT", "PYTHONDONTWRITEBYTECODE", "ADDED")
    command = python(root, f"import os; print([os.environ.get(name) for name in {names}])")

    result = run(msgspec.structs.replace(command, environment={"ADDED": "1"}))

    assert result.output == "[None, None, None, 'outer', '1', '1']\n"


def test_nothing_is_expanded_by_a_shell_and_nothing_is_read_from_the_terminal(root: Path) -> None:
    """Arguments are what they are."""
    code = "import sys; print(sys.argv[1:], repr(sys.stdin.read()))"
    arguments = (sys.executable, "-c", code, "$HOME; touch x", "{tests}", "--only={tests}")

    result = run(Command(arguments=arguments, folder=root), tests=["a b.py", "c.py"])

    assert result.output == "['$HOME; touch x', 'a b.py', 'c.py', '--only=a b.py c.py'] ''\n"


@pytest.mark.parametrize(
    ("arguments", "is_pytest"),
    [
        (("pytest",), True),
        (("/x/bin/py.test", "-q"), True),
        (("uv", "run", "pytest"), True),
        (("coverage", "run", "-m", "pytest"), True),
        (("python3.12", "-c", "pytest"), False),
        (("grep", "-r", "pytest"), False),
        (("make", "pytest"), False),
    ],
)
def test_pytest_is_known_by_how_it_is_started(arguments: tuple[str, ...], is_pytest: bool) -> None:
    """Other commands are left as they are."""
    filled = expanded((*arguments, "--", "x"), tests=(), report=Path("/r/junit.xml"))

    own = [
        "-o",
        "cache_dir=/r/cache",
        "--maxfail=0",
        "--continue-on-collection-errors",
        "--junitxml=/r/junit.xml",
    ]
    assert filled == [*arguments, *(own if is_pytest else []), "--", "x"]


def test_a_run_that_is_interrupted_leaves_no_process(root: Path) -> None:
    """Ctrl-C in the kit ends the command, which is in a group of its own."""
    groups: list[int] = []

    def interrupt(group: int) -> None:
        groups.append(group)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(python(root, "import time; time.sleep(600)"), on_start=interrupt)

    with pytest.raises(ProcessLookupError):
        os.killpg(groups[0], signal.SIGCONT)


def test_jobs_need_a_plugin_of_pytest_and_the_sentence_says_so(root: Path) -> None:
    """Here it is not installed."""
    result = run(Command(arguments=PYTEST, folder=root, jobs=2))
    assert (result.ending, result.reason) == (Ending.GARBAGE, NO_XDIST)


def test_jobs_keep_the_tests_of_a_file_together() -> None:
    """Before what is no option, and only where there are several."""
    filled = expanded(("pytest", "{tests}", "--", "x"), tests=("a.py",), report=Path("/r/junit.xml"), jobs=3)
    assert filled[:2] == ["pytest", "a.py"]
    assert filled[filled.index("--numprocesses=3") + 1] == "--dist=loadfile"
    assert filled[-2:] == ["--", "x"]
    alone = expanded(("pytest",), tests=(), report=Path("/r/junit.xml"))
    assert not any("numprocesses" in each for each in alone)
