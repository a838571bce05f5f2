"""The documents are what the code says, and the check notices when they are not."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from netra_backend.cli import app
from netra_backend.protocol.asyncapi import CLIENT_FRAMES, SERVER_FRAMES
from netra_backend.settings import Settings
from tests import documented_clients, documents

TYPESCRIPT = (documents.ROOT / documented_clients.TYPESCRIPT).read_text(encoding="utf-8")


TABLE = (documents.ROOT / documents.CASES_PAGE).read_text(encoding="utf-8")


def page(name: str) -> str:
    """The text of a page."""
    return (documents.ROOT / name).read_text(encoding="utf-8")


def test_the_documents_of_this_tree_are_true() -> None:
    """What `make check` runs finds nothing."""
    assert documents.stale(documents.ROOT, documents.generated()) == []
    assert documents.faults(documents.ROOT) == []


def test_generating_twice_gives_the_same_bytes() -> None:
    """Otherwise the check would fail at random."""
    assert documents.generated() == documents.generated()


def test_a_changed_and_a_missing_document_are_one_line_each(tmp_path: Path) -> None:
    """The line says what to run."""
    (tmp_path / "a.md").write_text("old", encoding="utf-8")
    (tmp_path / "b.md").write_text("same", encoding="utf-8")
    assert documents.stale(tmp_path, {"a.md": "new", "b.md": "same", "c.md": "new"}) == [
        "a.md is not up to date: run make docs",
        "c.md is not up to date: run make docs",
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in documents.wire_names().items() for name in names],
)
def test_whatever_of_the_wire_is_not_named_is_told(kind: str, name: str) -> None:
    """For every message type, error code and close code: without its name the page is refused."""
    text = re.sub(rf"\b{name}\b", "…", page(documents.WIRE_PAGE))
    assert documents.unnamed(documents.WIRE_PAGE, text, documents.wire_names()) == [
        f"docs/protocol.md does not name the {kind} {name}: describe it there"
    ]


@pytest.mark.parametrize("name", documents.metric_names())
def test_a_metric_that_is_not_named_is_told(name: str) -> None:
    """For every metric."""
    text = re.sub(rf"\b{name}\b", "…", page(documents.METRICS_PAGE))
    assert documents.unnamed(documents.METRICS_PAGE, text, {"metric": documents.metric_names()}) == [
        f"docs/operating.md does not name the metric {name}: describe it there"
    ]


def test_every_setting_has_a_row_with_both_names() -> None:
    """The page comes from the settings themselves."""
    text = documents.settings_page()
    for name in Settings.model_fields:
        assert f"| `{name}` | `NETRA_{name.upper()}` |" in text


def test_help_is_plain_text_of_a_fixed_width() -> None:
    """Whatever terminal the check runs in."""
    lines = documents.cli_page(app).splitlines()
    assert max(len(line) for line in lines if not line.startswith("Exit codes")) == documents.WIDTH
    assert "\x1b" not in "".join(lines)


def test_every_command_is_on_the_page_also_one_of_a_group() -> None:
    """A new command appears without being listed anywhere."""
    program, group = typer.Typer(), typer.Typer()
    program.add_typer(group, name="group")

    @program.command()
    def first() -> None:
        """The first one."""

    @group.command()
    def second() -> None:
        """The second one."""

    words = [" ".join(path) for path, _ in documents.helps(program)]
    assert words == ["netra", "netra first", "netra group", "netra group second"]


def test_a_dead_link_and_a_test_that_is_not_there_are_told() -> None:
    """Pages quote tests as proof, so the tests must exist."""
    text = (
        "[there](docs/protocol.md#errors) [far](https://example.com/x) [gone](docs/gone.md)\n"
        "`tests/unit/test_documents.py::test_generating_twice_gives_the_same_bytes`\n"
        "`tests/unit/test_documents.py::test_that_nobody_wrote`\n"
        "```\n[in code](docs/nothing.md)\n```\n"
    )
    assert list(documents.dead_references(documents.ROOT, "README.md", text)) == [
        "README.md links to docs/gone.md, which does not exist",
        "README.md names the test tests/unit/test_documents.py::test_that_nobody_wrote, which does not exist",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("attempt: number;", "attempts: number;"), "agent_started"),
        (("if_running?: IfRunning;", "if_running: IfRunning;"), "start_agent"),
        (('Received<"pong", HeadPayload>', 'Received<"pang", HeadPayload>'), "pang"),
        (('SentToThread<"follow"', 'Sent<"follow"'), "follow"),
        (
            (
                '(Sent<"stop_agent", StopAgentPayload> & { id: string })',
                'Sent<"stop_agent", StopAgentPayload>',
            ),
            "stop_agent",
        ),
        (('  | "busy"\n', ""), "ErrorCode"),
        (('"timed_out"', '"late"'), "EndStatus"),
        (("  output_tokens: number;\n", ""), "Usage"),
    ],
)
def test_a_typescript_type_that_differs_is_told(change: tuple[str, str], told: str) -> None:
    """In a field, in what may be absent, in a type's name, in the envelope, in a choice."""
    assert documented_clients.typescript_differences(TYPESCRIPT) == []
    changed = TYPESCRIPT.replace(*change)
    assert changed != TYPESCRIPT
    assert any(f" {told} is " in line for line in documented_clients.typescript_differences(changed))


def test_a_python_client_that_lacks_a_command_is_told(tmp_path: Path) -> None:
    """Its sources are searched for every type that the server takes."""
    copy = tmp_path / documented_clients.PYTHON
    shutil.copytree(
        documents.ROOT / documented_clients.PYTHON, copy, ignore=shutil.ignore_patterns("__pycache__")
    )
    assert documented_clients.python_differences(tmp_path) == []
    for path in copy.glob("*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace('"unfollow"', '"x"'), encoding="utf-8")
    assert documented_clients.python_differences(tmp_path) == [
        f"{documented_clients.PYTHON} never sends unfollow"
    ]


def test_a_python_frame_that_differs_is_told() -> None:
    """In a type's name or in a payload's field."""
    ours = {"pong": {"head": True}, "typing": {"active": True}}
    assert documented_clients.frame_differences(ours, ours) == []
    theirs = {"pong": {"heads": True}, "tipping": {"active": True}}
    told = " ".join(documented_clients.frame_differences(theirs, ours))
    assert all(f" {kind} has " in told for kind in ("pong", "typing", "tipping"))


def test_asyncapi_is_what_the_server_serves() -> None:
    """The committed document is JSON with every frame."""
    document = json.loads(documents.generated()["docs/asyncapi.json"])
    assert len(document["components"]["messages"]) == len(CLIENT_FRAMES) + len(SERVER_FRAMES)


def test_a_wrong_call_says_how_to_call_it() -> None:
    """As every program does."""
    called = subprocess.run(
        [sys.executable, "-m", "tests.documents", "--chek"],
        cwd=documents.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (called.returncode, called.stderr) == (1, "usage: python -m tests.documents --check | --write\n")


def test_the_table_of_cases_names_tests_that_exist(tmp_path: Path) -> None:
    """A renamed test and a case without a row are one line each."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text("def test_fault_07_kept() -> None: ...", encoding="utf-8")
    table = "| 7 | why `not_a_test` | `kept`, `renamed` | `neither` |\n"
    found = documents.untested(tmp_path, table)
    assert [line for line in found if "renamed" in line] == [found[-1]]
    assert len(found) == len(documents.CASES)
    assert documents.untested(documents.ROOT, TABLE) == []
