"""A small tree with suites that know how they end before and after its migration."""

import json
import os
import subprocess
import sys
from pathlib import Path

import netra_migrate
from netra_migrate.tests.integration.cli.chat_tree import FILES
from netra_migrate.tests.integration.cli.chat_tree import planted as chat_planted

SUITES = """
[suites]
command = ["{python}", "suites/run.py", "{junit}", "{subject}"]
tests = ["suites/checks.py"]
expected_file = "{here}/suites/records.json"

[suites.environment]
TREE = "{root}"
"""
RUN = '''\
"""Writes a report about the tree: fails while the old module is there."""

import os, pathlib, sys, threading

tree = pathlib.Path(os.environ["TREE"])
old, subject = (tree / "app" / "old.py").exists(), sys.argv[2]
with (tree / "runs.log").open("a") as log:
    log.write(f"{subject} {'old' if old else 'new'}\\n")
pause = tree / "pause"
if pause.exists() and pause.read_text() == f"{subject} {len((tree / 'runs.log').read_text().splitlines())}":
    (tree.parent / "waiting").write_text(str(os.getpid()))
    threading.Event().wait()
red = '<failure message="AssertionError: the old module is here"/>' if old else ""
case = f'<testcase classname="suites.checks" name="test_gone">{red}</testcase>'
other = '<testcase classname="suites.checks" name="test_new"/>'
pathlib.Path(sys.argv[1]).write_text(f"<testsuites><testsuite>{case}{other}</testsuite></testsuites>")
sys.exit(bool(red))
'''
RECORDS = [
    {
        "test": "suites.checks::test_gone",
        "phase": phase,
        "outcome": "failed",
        "reasons": ["old module is here"],
    }
    for phase in ("legacy", "adapter")
] + [{"test": "suites.checks::test_gone", "phase": "migrated", "outcome": "passed"}]


def planted(root: Path, *, records: list[dict[str, object]] | None = None) -> Path:
    """The tree below `root`."""
    chat_planted(root)
    configuration = root / "migration.toml"
    text = FILES["migration.toml"] + SUITES
    configuration.write_text(text.replace("{python}", Path(sys.executable).as_posix()), encoding="utf-8")
    (root / "suites").mkdir()
    (root / "suites/run.py").write_text(RUN, encoding="utf-8")
    (root / "suites/records.json").write_text(json.dumps(records or RECORDS), encoding="utf-8")
    return root


def started(*arguments: str, folder: Path) -> "subprocess.Popen[str]":
    """`python -m netra_migrate …` in a folder, at work."""
    above = str(Path(netra_migrate.__file__).parent.parent)
    return subprocess.Popen(  # noqa: S603 - the program under test
        [sys.executable, "-m", "netra_migrate", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": above},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
