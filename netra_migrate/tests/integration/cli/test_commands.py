"""The program as people run it: what it prints where, and how it exits."""

import json
from pathlib import Path

import pytest

from netra_migrate.tests.integration.cli.chat_tree import bytes_of, netra, planted

NO_START = """\
class BaseHandler:
    async def handle_message(self, user_id, websocket, message) -> bool: ...


class Message: ...


LIMIT = 10
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree before its migration."""
    return planted(tmp_path)


def test_a_scan_prints_findings_and_exits_with_1(tree: Path) -> None:
    """People's output on stdout, nothing else there."""
    done = netra("scan", folder=tree)
    assert done.returncode == 1
    assert "app/limits.py" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_scan_as_json_and_as_sarif(tree: Path) -> None:
    """JSON is all that is on stdout; SARIF goes to its file."""
    done = netra("scan", "--json", "--sarif", "out/findings.sarif", folder=tree)
    places = {
        (each["path"], each["line"])
        for each in json.loads(done.stdout)["references"]
        if each["side"] == "legacy"
    }
    assert places == {("app/limits.py", 1), ("app/register.py", 1)}
    results = json.loads((tree / "out/findings.sarif").read_bytes())["runs"][0]["results"]
    assert {each["ruleId"] for each in results} >= {"legacy-reference", "duplicate-name"}


def test_the_configuration_is_found_from_a_folder_below(tree: Path) -> None:
    """As git finds its own."""
    assert netra("plan", folder=tree / "app").returncode == 0


@pytest.mark.parametrize(
    "arguments", [("scan",), ("status",), ("report",), ("verify",), ("apply", "--write")]
)
def test_without_a_configuration_the_sentence_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """A mistake of usage."""
    done = netra(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "netra migrate init" in done.stderr


def test_a_wrong_key_is_named(tree: Path) -> None:
    """By its path, with a suggestion."""
    (tree / "migration.toml").write_text('[legacy]\nmodul = "a"\n', encoding="utf-8")
    done = netra("scan", folder=tree)
    assert (done.returncode, "legacy.modul" in done.stderr) == (2, True)


def test_only_pytest_is_split_into_jobs(tree: Path) -> None:
    """Another runner is told so before anything runs."""
    place = tree / "migration.toml"
    text = place.read_text(encoding="utf-8").partition("[validation]")[0]
    place.write_text(f'{text}[validation]\ncommand = ["make", "test"]\njobs = 2\n', encoding="utf-8")
    done = netra("baseline", folder=tree)
    assert (done.returncode, "validation.jobs" in done.stderr) == (2, True)


def test_init_writes_a_file_that_plan_takes_and_replaces_none(tree: Path) -> None:
    """The first command of all."""
    (tree / "migration.toml").unlink()
    first = netra("init", "--legacy", "app.old", "--canonical", "app.new", folder=tree)
    assert (first.returncode, first.stderr) == (0, "")
    assert netra("plan", folder=tree).returncode in (0, 1)
    again = netra("init", folder=tree)
    assert (again.returncode, "--force" in again.stderr) == (2, True)


def test_apply_without_write_shows_the_diff_and_touches_nothing(tree: Path) -> None:
    """Dry by default."""
    before = bytes_of(tree)
    done = netra("apply", folder=tree)
    assert "-from app.old import LIMIT\n+from app.new import LIMIT" in done.stdout
    assert bytes_of(tree) == before


def test_the_whole_way(tree: Path) -> None:
    """Baseline, apply, status, verify, report, and all the way back to the same bytes."""
    before = bytes_of(tree)
    assert netra("baseline", folder=tree).returncode == 0
    applied = netra("apply", "--write", folder=tree)
    assert (applied.returncode, applied.stderr) == (0, "")
    assert not (tree / "app/old.py").exists()
    assert (tree / "app/limits.py").read_text() == "from app.new import LIMIT\n\nTWICE = 2 * LIMIT\n"
    assert "3 of 3 steps are migrated" in netra("status", folder=tree).stdout

    verified = json.loads(netra("verify", "--json", folder=tree).stdout)
    holds = {check["name"]: not check["findings"] for check in verified["checks"]}
    assert holds["module-gone"]
    assert holds["no-references"]

    assert netra("report", "--output", "report.html", folder=tree).returncode == 0
    page = (tree / "report.html").read_text()
    assert "3 of 3 steps are migrated" in page
    assert "+from app.new import LIMIT" in page
    (tree / "report.html").unlink()

    assert netra("rollback", "--all", folder=tree).returncode == 0
    assert bytes_of(tree) == before


def test_a_question_stops_the_files_that_it_is_about(tmp_path: Path) -> None:
    """Whoever begins with a file that it does not concern need not answer it first."""
    tree = planted(tmp_path, app__new=NO_START)
    for arguments in ((), ("app/register.py",)):
        stopped = netra("apply", "--write", "--no-validation", *arguments, folder=tree)
        assert (stopped.returncode, "StartHandler" in stopped.stderr) == (2, True)
    done = netra("apply", "--write", "--no-validation", "app/limits.py", folder=tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tree / "app/limits.py").read_text().startswith("from app.new import LIMIT\n")


def test_a_step_that_breaks_something_is_put_back_with_exit_3(tmp_path: Path) -> None:
    """The limit is another on the new side, which the check notices."""
    new = "class BaseHandler:\n    async def handle_message(self, user_id, websocket, message) -> bool: ...\n"
    new += "\n\nclass StartHandler(BaseHandler): ...\n\n\nclass Message: ...\n\n\nLIMIT = 11\n"
    tree = planted(tmp_path, app__new=new)
    before = bytes_of(tree)
    assert netra("baseline", folder=tree).returncode == 0
    done = netra("apply", "--write", "app/limits.py", folder=tree)
    assert done.returncode == 3
    assert bytes_of(tree) == before
    assert "failed" in netra("status", folder=tree).stdout
    assert netra("report", "--output", "../report.html", folder=tree).returncode == 0
    page = (tree.parent / "report.html").read_text()
    assert "rolled back" in page
    assert "+from app.new import LIMIT" in page


def test_rollback_wants_to_know_what(tree: Path) -> None:
    """Neither everything by mistake, nor both."""
    for arguments in ((), ("--all", "app/limits.py")):
        done = netra("rollback", *arguments, folder=tree)
        assert (done.returncode, "--all" in done.stderr) == (2, True)


def test_what_is_not_configured_says_so(tree: Path) -> None:
    """No [shadow], no [performance]."""
    for command in ("shadow", "gate"):
        done = netra(command, folder=tree)
        assert (
            done.returncode,
            done.stderr.startswith(f"netra migrate: {'shadow' if command == 'shadow' else 'perf'}"),
        ) == (2, True)


def test_the_ratchet_lets_nothing_rise(tree: Path) -> None:
    """Written by --update, broken by a new reference."""
    netra("verify", "--update", folder=tree)
    assert json.loads((tree / "migration.ratchet.json").read_bytes())["counts"]["from"] == 2
    (tree / "app/more.py").write_text("from app.old import LIMIT\n\nprint(LIMIT)\n")
    checks = json.loads(netra("verify", "--json", folder=tree).stdout)["checks"]
    (ratchet,) = (check for check in checks if check["name"] == "ratchet")
    assert "3 now and 2 last time" in ratchet["findings"][0]["sentence"]


@pytest.mark.parametrize("arguments", [("nothing",), ("scan", "--nothing"), ("scan", "--jobs", "0")])
def test_a_mistake_in_the_command_line_is_2(tree: Path, arguments: tuple[str, ...]) -> None:
    """As for every mistake of usage."""
    assert netra(*arguments, folder=tree).returncode == 2


def test_a_package_that_hands_names_on_waits_for_those_who_take_them(tree: Path) -> None:
    """Rewritten before, the same name would mean the other class to a file that was refused."""
    (tree / "app/api").mkdir()
    (tree / "app/api/__init__.py").write_text("from app.old import StartHandler\n", encoding="utf-8")
    text = (
        "from app.api import StartHandler\n\n\nasync def run(user_id):\n"
        "    await StartHandler().handle(user_id, {})\n"
    )
    (tree / "app/use.py").write_text(text, encoding="utf-8")
    done = netra("apply", "--write", "--no-validation", "--json", folder=tree)
    refused = {
        each["path"]: each["reason"]
        for step in json.loads(done.stdout)["steps"]
        for each in step.get("refusals", [])
    }
    assert refused["app/api/__init__.py"] == (
        "app/use.py:1 takes StartHandler from here, and is not migrated yet: migrate it first."
    )
    assert (tree / "app/api/__init__.py").read_text() == "from app.old import StartHandler\n"
    (tree / "app/use.py").unlink()
    netra("apply", "--write", "--no-validation", folder=tree)
    assert (tree / "app/api/__init__.py").read_text() == "from app.new import StartHandler\n"
