"""The files of the CI host: they parse, ask for little, and call only what is there."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ASKED = {"check", "test", "e2e", "gate", "scan", "wheel"}
"""What every commit goes through."""


def workflow(name: str) -> Mapping[str, Any]:
    """A workflow, parsed."""
    found: Mapping[str, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    return found


def steps(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every step of every job."""
    for job in found["jobs"].values():
        yield from job["steps"]


def made(found: Mapping[str, Any]) -> set[str]:
    """The make targets that a workflow calls."""
    return {target for step in steps(found) for target in re.findall(r"\bmake ([\w-]+)", step.get("run", ""))}


def test_there_are_two() -> None:
    """One for every commit, one for the night."""
    assert [file.name for file in FILES] == ["ci.yml", "nightly.yml"]


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_every_target_exists(name: str) -> None:
    """Whatever is made is a target of the Makefile."""
    assert made(workflow(name)) - TARGETS == set()


def test_every_commit_goes_through_all() -> None:
    """Lint, types, tests, suites, gate, scan and wheel, each by its target."""
    assert made(workflow("ci.yml")) == ASKED


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_it_may_do_little(name: str) -> None:
    """It reads the code and no more, cancels what is overtaken, ends in time, keeps no credentials."""
    found = workflow(name)
    assert found["permissions"] == {"contents": "read"}
    assert found["concurrency"]["cancel-in-progress"] is True
    assert all(
        0 < job["timeout-minutes"] <= 90 and "permissions" not in job for job in found["jobs"].values()
    )
    checkouts = [step for step in steps(found) if step.get("uses", "").startswith("actions/checkout")]
    assert len(checkouts) == len(found["jobs"])
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_actions_are_the_host_s_own_and_pinned(name: str) -> None:
    """Of nobody else, and by a version, never by a branch."""
    uses = [step["uses"] for step in steps(workflow(name)) if "uses" in step]
    assert [use for use in uses if not re.fullmatch(r"actions/[a-z-]+@v\d+", use)] == []


@pytest.mark.parametrize("name", ["ci.yml", "nightly.yml"])
def test_nothing_of_a_stranger_reaches_the_shell(name: str) -> None:
    """Values of the event, such as a branch's name, come as variables: in a command they would be run."""
    assert [step["run"] for step in steps(workflow(name)) if "${{" in step.get("run", "")] == []


def test_every_python_is_tested() -> None:
    """Those that the package says it runs on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = {text.rpartition(" ")[2] for text in project["classifiers"] if re.search(r":: 3\.\d+$", text)}
    assert set(workflow("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]) == said
