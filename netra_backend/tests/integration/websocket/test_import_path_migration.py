"""Suite 4 of the test plan: one import path, one handler a type, whatever is imported first."""

import json
from pathlib import Path

import pytest

from netra_backend.tests.outcomes import PASSES, Phase, fails_before, outcome, phase
from netra_backend.tests.trees import LEGACY_MODULE, InterpreterFailed, Tree, sample, tree
from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide
from netra_migrate.scan.scanning import scan

HANDLERS = ["StartAgentHandler", "StopAgentHandler", "ThreadHistoryHandler", "UserMessageHandler"]
LOAD_S = 8.0
"""Seconds for a fresh interpreter to import the application: four times what it takes on a slow machine."""


@pytest.fixture
def subject() -> Tree:
    """The tree of the phase's application."""
    return tree(phase())


def loaded_after(tree: Tree, name: str) -> list[str]:
    """The handler modules that importing one module loads."""
    code = (
        f"import sys, json, {name}\n"
        "print(json.dumps(sorted(each for each in sys.modules"
        " if each.endswith(('.message_handler', 'websocket_core.handlers')))))"
    )
    found: list[str] = tree.run(code)
    return found


@outcome(legacy=PASSES, adapter=PASSES)
def test_legacy_import_isolation(subject: Tree) -> None:
    """The legacy module loads alone, without any canonical one; after a migration it cannot be imported."""
    before = subject if subject.before else sample()
    assert loaded_after(before, LEGACY_MODULE) == [LEGACY_MODULE]
    names = (
        f"import json, {LEGACY_MODULE} as m; print(json.dumps([n for n in dir(m) if n.endswith('Handler')]))"
    )
    assert set(HANDLERS) | {"BaseMessageHandler"} <= set(before.run(names))
    assert before.claimed_after([LEGACY_MODULE]) == {
        "start_agent": f"{LEGACY_MODULE}.StartAgentHandler",
        "user_message": f"{LEGACY_MODULE}.UserMessageHandler",
        "get_thread_history": f"{LEGACY_MODULE}.ThreadHistoryHandler",
        "stop_agent": f"{LEGACY_MODULE}.StopAgentHandler",
    }
    if not subject.before:
        with pytest.raises(InterpreterFailed, match=r"^ModuleNotFoundError: No module named 'chat"):
            subject.run(f"import {LEGACY_MODULE}")


@fails_before("import order decides who handles start_agent")
def test_ssot_import_precedence(subject: Tree) -> None:
    """Each type is handled by the canonical side, whichever module is imported first or last."""
    modules = (subject.canonical, *subject.others)
    turns = [modules[n:] + modules[:n] for n in range(len(modules))]
    claims = [subject.claimed_after(each) for each in (*turns, modules[::-1])]
    for kind in ("start_agent", "user_message"):
        who = sorted({each[kind] for each in claims})
        assert len(who) == 1, f"import order decides who handles {kind}: {' or '.join(who)}"
    assert [each for each in claims if each != claims[0]] == []
    assert {name.rpartition(".")[0] for name in claims[0].values()} == {subject.canonical}


def conflicts(tree: Tree) -> list[str]:
    """What exists twice by the kit's scan: claims of a message type, and names of handler classes."""
    configuration = Configuration(
        legacy=LegacySide(module=LEGACY_MODULE, services=("MessageHandlerService",)),
        canonical=CanonicalSide(module=tree.canonical),
    )
    survey = scan(configuration, tree.root, cache=None, jobs=1, progress=lambda *_: None)
    return [f"{clash.what} {clash.name} is at {' and '.join(clash.where)}" for clash in survey.clashes]


SECOND = """
class StartAgentHandler:
    def get_message_type(self):
        return "start_agent"

    async def handle(self, user_id, payload):
        return None
"""


@fails_before("claim start_agent is at chat/services/websocket/message_handler.py")
def test_mixed_import_conflict_detection(subject: Tree, tmp_path: Path) -> None:
    """No message type is claimed twice and no handler exists twice; a second one is found, with both places."""
    copy = subject.copied(tmp_path)
    found = conflicts(copy)
    assert found == [], "; ".join(found)
    folder = copy.root.joinpath(*copy.package.split("."))
    (folder / "second.py").write_text(SECOND)
    place = (folder / "second.py").relative_to(copy.root)
    clashes = conflicts(copy)
    assert [clash for clash in clashes if f"{place}:2" not in clash] == []
    assert [clash for clash in clashes if clash.startswith("name StartAgentHandler is at ")] != []


@fails_before("ModuleNotFoundError: No module named 'chat.services.websocket.message_handler'")
def test_import_path_migration_safety(subject: Tree, tmp_path: Path) -> None:
    """Without the legacy module every module of the application is imported, and the same as with it."""
    copy = subject.copied(tmp_path)
    copy.legacy.unlink(missing_ok=True)
    modules = copy.modules()
    assert copy.entry.startswith(copy.package) is (subject.phase is not Phase.CANONICAL)
    assert copy.canonical in modules
    names = "\n".join(f"import {name}" for name in modules)
    places = f"[sys.modules[name].__file__ for name in {modules!r}]"
    files = copy.run(f"import sys, json\n{names}\nprint(json.dumps({places}))")
    assert [file for file in files if not Path(file).is_relative_to(copy.root)] == []


@fails_before("is two classes")
def test_canonical_import_validation(subject: Tree) -> None:
    """Under every path by which a handler can be imported it is one class, the canonical module's."""
    code = f"""
import importlib, json, sys
found = {{}}
for module in {subject.modules()!r}:
    for name, value in vars(importlib.import_module(module)).items():
        if name in {HANDLERS!r}:
            found.setdefault(name, []).append((module, value.__module__))
print(json.dumps(found))
"""
    found: dict[str, list[list[str]]] = subject.run(code)
    assert sorted(found) == HANDLERS
    for name, places in found.items():
        homes = sorted({home for _, home in places})
        assert len(homes) == 1, f"{name} is two classes, of {' and '.join(homes)}"
        assert homes == [subject.canonical]


@fails_before("two handler modules are loaded")
def test_import_resolution_performance(subject: Tree) -> None:
    """A start loads the canonical handlers and no other ones, within its time; imported again it costs nothing."""
    loaded = [name for name in loaded_after(subject, subject.entry) if name.startswith(subject.package)]
    assert len(loaded) == 1, f"two handler modules are loaded: {' and '.join(loaded)}"
    assert loaded == [subject.canonical]
    code = f"""
import importlib, json, time
began = time.perf_counter()
importlib.import_module({subject.entry!r})
first = time.perf_counter() - began
began = time.perf_counter()
for _ in range(1000):
    importlib.import_module({subject.canonical!r})
print(json.dumps([first, (time.perf_counter() - began) / 1000]))
"""
    first, again = subject.run(code)
    assert first < LOAD_S
    assert again < first / 100


def test_a_fresh_interpreter_reports_what_went_wrong(subject: Tree) -> None:
    """So that a test which expects nothing to be printed is not taken for one that passes."""
    with pytest.raises(InterpreterFailed, match=r"^ZeroDivisionError"):
        subject.run("1 / 0")
    assert subject.run(f"print({json.dumps('[1]')})") == [1]
