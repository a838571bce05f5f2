"""Both handlers in processes of their own, on a small tree: each verdict, and each way of going wrong."""

import sys
from pathlib import Path

import msgspec
import pytest

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide, Project, Shadow
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.shadow import Compared, Difference, Message, ShadowReport, Verdict
from netra_migrate.shadow.running import shadow

LEGACY = """
import logging, os, uuid
log = logging.getLogger("app.legacy")

class Handler:
    def __init__(self, socket, db):
        self.socket, self.db = socket, db

    async def handle(self, user_id, payload):
        what = payload.get("do")
        if what == "raise":
            raise ValueError("token sk-" + "x" * 60)
        if what == "swallow":
            try:
                payload["missing"]
            except KeyError as error:
                log.error("could not: %s", error)
                await self.socket.send_json({"type": "error"})
            return
        if what in ("nothing", "legacy nothing"):
            return
        if what == "legacy dies":
            os._exit(3)
        row = await self.db.load(payload.get("thread_id"))
        print("target code prints")
        await self.socket.send_json({"type": "done", "id": str(uuid.uuid4()), "thread": payload.get("thread_id"), "title": row["title"]})
"""
CANONICAL = """
import asyncio, ctypes, os, threading, time, uuid

class WebSocketMessage:
    def __init__(self, type, payload):
        self.type, self.payload = type, payload

class Handler:
    def __init__(self, db):
        self.db = db

    async def handle_message(self, user_id, websocket, message):
        what = message.payload.get("do")
        if what == "hang":
            while True:
                pass
        if what == "wait":
            await asyncio.Event().wait()
        if what == "die":
            os._exit(7)
        if what == "crash":
            ctypes.string_at(0)
        if what == "exit":
            raise SystemExit(0)
        if what in ("raise", "swallow", "false"):
            await websocket.send_json({"type": "error"})
            return False
        if what == "hollow" or what == "nothing":
            return True
        if what == "mutate":
            message.payload["done"] = True
        row = await self.db.load(message.payload.get("thread_id"))
        title = "other" if what == "title" else row["title"]
        frame = {"type": "done", "id": str(uuid.uuid4()), "thread": message.payload.get("thread_id"), "title": title}
        if what == "forgets":
            websocket.send_json(frame)
            return True
        if what == "later":
            self.task = asyncio.create_task(websocket.send_json(frame))
            return True
        await websocket.send_json(frame)
        return None if what == "none" else True
"""
FACTORIES = """
def legacy(effects):
    from app.legacy import Handler
    return Handler(effects.connection("websocket"), effects.store("threads", load={"title": "A title"}))

def canonical(effects):
    from app.canonical import Handler
    return Handler(effects.store("threads", load=lambda thread_id: {"title": "A title"}))

def by_hand(effects):
    def handle(message):
        effects.record("said", text=message["payload"].get("text"))
        return True
    return handle

def loud(effects):
    def handle(message):
        effects.service("mail", sync=True).send(message["payload"].get("text"), token="abc")
        return True
    return handle

def drifting(effects):
    import uuid
    def handle(message):
        getattr(effects.service("x", sync=True), "m" + uuid.uuid4().hex)()
    return handle

def refuses(effects):
    raise RuntimeError("no database")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with both handlers and their factories."""
    (tmp_path / "app").mkdir()
    for name, text in {"legacy": LEGACY, "canonical": CANONICAL, "__init__": ""}.items():
        (tmp_path / "app" / f"{name}.py").write_text(text)
    (tmp_path / "factories.py").write_text(FACTORIES)
    return tmp_path


def _run(
    root: Path,
    *payloads: dict[str, object],
    legacy: str = "factories:legacy",
    canonical: str = "factories:canonical",
    timeout_s: float = 20,
    ignore: tuple[str, ...] = (),
) -> ShadowReport:
    configuration = Configuration(
        project=Project(),
        legacy=LegacySide(module="app.legacy"),
        canonical=CanonicalSide(module="app.canonical", message_class="WebSocketMessage"),
        shadow=Shadow(legacy=legacy, canonical=canonical, timeout_s=timeout_s, ignore=ignore),
    )
    messages = [
        Message(
            source=f"recorded.jsonl:{line}",
            type="start_agent",
            content={"type": "start_agent", "user_id": "u", "payload": {"thread_id": "t", **payload}},
        )
        for line, payload in enumerate(payloads, 1)
    ]
    seen: list[tuple[int, int]] = []
    report = shadow(
        configuration,
        root,
        messages,
        python=Path(sys.executable),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, 3 * len(messages)) for done in range(1, 3 * len(messages) + 1)]
    return report


def _one(report: ShadowReport) -> Compared:
    (compared,) = report.compared
    return compared


def test_what_the_legacy_handler_does_differently_each_time_is_ignored(root: Path) -> None:
    """A random id is learned from A/A; all else is the same, and what the target prints disturbs nothing."""
    report = _run(root, {"do": "work"})
    assert report == ShadowReport(
        compared=(
            Compared(
                source="recorded.jsonl:1",
                type="start_agent",
                verdict=Verdict.SAME,
                legacy="returned None",
                canonical="returned true",
                effects=(2, 2),
            ),
        ),
        ignored=("connection.websocket.send_json.0.id",),
    )
    assert report.passed


@pytest.mark.parametrize(
    ("what", "verdict", "how"),
    [
        ("hollow", Verdict.HOLLOW, "returned true"),
        ("nothing", Verdict.BOTH_HOLLOW, "returned true"),
        ("legacy nothing", Verdict.DIFFERS, "returned true"),
        ("false", Verdict.NEW_FAILED, "returned false"),
        ("exit", Verdict.NEW_FAILED, "raised SystemExit: 0"),
        ("die", Verdict.NEW_FAILED, "ended itself with 7"),
        ("crash", Verdict.NEW_FAILED, "died of SIGSEGV"),
        ("legacy dies", Verdict.LEGACY_FAILED, "returned true"),
        ("raise", Verdict.SAME, "returned false"),
        ("swallow", Verdict.SAME, "returned false"),
        ("none", Verdict.DIFFERS, "returned None"),
        ("title", Verdict.DIFFERS, "returned true"),
        ("forgets", Verdict.DIFFERS, "returned true"),
        ("later", Verdict.SAME, "returned true"),
        ("mutate", Verdict.DIFFERS, "returned true"),
    ],
)
def test_each_verdict(root: Path, what: str, verdict: Verdict, how: str) -> None:
    """The first message is alike on both sides, so that only the second decides, whatever it does."""
    first, second = _run(root, {"do": "work"}, {"do": what}).compared
    assert first.verdict is Verdict.SAME
    assert (second.verdict, second.canonical) == (verdict, how)


def test_a_death_or_a_hang_is_a_verdict_and_the_next_message_is_handled(root: Path) -> None:
    """A busy loop, an endless wait, a segmentation fault and an exit stand between two that are the same."""
    payloads: list[dict[str, object]] = [
        {"do": what} for what in ("work", "hang", "wait", "crash", "legacy dies", "work")
    ]
    report = _run(root, *payloads, timeout_s=1.5)
    assert [each.verdict for each in report.compared] == [
        Verdict.SAME,
        Verdict.TIMEOUT,
        Verdict.TIMEOUT,
        Verdict.NEW_FAILED,
        Verdict.LEGACY_FAILED,
        Verdict.SAME,
    ]
    assert report.compared[1].canonical == "timed out"
    assert report.compared[4].legacy == "ended itself with 3"
    assert not report.passed


def test_a_difference_is_readable_and_can_be_allowed(root: Path) -> None:
    """The path and both values; with the path in `ignore` it is none."""
    compared = _one(_run(root, {"do": "title"}))
    assert compared.differences == (
        Difference(path="connection.websocket.send_json.0.title", legacy='"A title"', canonical='"other"'),
    )
    assert compared.detail.splitlines()[1:] == [
        "connection.websocket.send_json.0.title",
        '  - "A title"',
        '  + "other"',
    ]
    assert _one(_run(root, {"do": "title"}, ignore=("*.title",))).verdict is Verdict.SAME


def test_a_changed_payload_is_an_effect(root: Path) -> None:
    """The caller's dict is what the next handler would get."""
    compared = _one(_run(root, {"do": "mutate"}))
    assert [each.path for each in compared.differences] == ["input.mutated"]


def test_swallowed_exceptions_are_named(root: Path) -> None:
    """What the legacy handler logged while handling an exception did not leave it."""
    assert _one(_run(root, {"do": "swallow"})).swallowed == ("KeyError",)


def test_secrets_of_messages_are_not_in_the_report(root: Path) -> None:
    """Neither in full nor in part when their name says what they are; not in exceptions either."""
    text = "sk-" + "x" * 60
    report = _run(root, {"text": text}, legacy="factories:by_hand", canonical="factories:loud")
    raised = _run(root, {"do": "raise"})
    written = msgspec.json.encode((report, raised)).decode()
    assert "x" * 20 not in written
    assert "<hidden, 3 characters>" in written
    assert '"sk-xxxxxxxxx"… (63 characters)' in _one(report).detail


def test_a_legacy_handler_that_never_repeats_itself_is_said_to_be(root: Path) -> None:
    """Nothing can be compared with it, and that is no pass."""
    report = _run(root, {}, legacy="factories:drifting", canonical="factories:loud")
    assert _one(report).verdict is Verdict.UNSTABLE
    assert not report.passed


def test_a_factory_that_raises_is_how_that_side_ended(root: Path) -> None:
    """It is the target's code like the rest."""
    compared = _one(_run(root, {}, canonical="factories:refuses"))
    assert (compared.verdict, compared.canonical) == (Verdict.NEW_FAILED, "raised RuntimeError: no database")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (
            "factories:nobody",
            r"shadow\.canonical: factories:nobody cannot be used: its import raised AttributeError",
        ),
        ("no_such_module:x", "its import raised ModuleNotFoundError"),
        ("exits:x", "the process ended itself with 4 while importing it"),
    ],
)
def test_a_factory_that_cannot_be_imported_is_a_mistake_in_the_settings(
    root: Path, setting: str, words: str
) -> None:
    """One sentence with the key, whatever the import does."""
    (root / "exits.py").write_text("import os; os._exit(4)")
    with pytest.raises(ConfigurationError, match=words):
        shadow(
            Configuration(
                legacy=LegacySide(module="app.legacy"),
                canonical=CanonicalSide(module="app.canonical"),
                shadow=Shadow(legacy="factories:legacy", canonical=setting),
            ),
            root,
            [Message(source="generated", type="x", content={"type": "x", "payload": {}})],
            python=Path(sys.executable),
            progress=lambda _done, _total: None,
        )


def test_the_kit_neither_imports_the_target_nor_leaves_files_in_it(root: Path) -> None:
    """No module of the target in this process, no bytecode in its tree."""
    before = sorted(root.rglob("*"))
    _run(root, {"do": "work"})
    assert not {name for name in sys.modules if name in ("factories", "app", "app.legacy")}
    assert sorted(root.rglob("*")) == before


def test_the_legacy_side_can_run_in_the_tree_as_it_was(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After the migration the legacy module is gone; the baseline tree still has it."""
    after = tmp_path_factory.mktemp("after")
    (after / "factories.py").write_text(FACTORIES)
    (after / "app").mkdir()
    (after / "app" / "canonical.py").write_text(CANONICAL)
    report = shadow(
        Configuration(
            legacy=LegacySide(module="app.legacy"),
            canonical=CanonicalSide(module="app.canonical", message_class="app.canonical.WebSocketMessage"),
            shadow=Shadow(legacy="factories:legacy", canonical="factories:canonical"),
        ),
        after,
        [Message(source="generated", type="x", content={"type": "x", "user_id": "u", "payload": {}})],
        python=Path(sys.executable),
        progress=lambda _done, _total: None,
        legacy_root=root,
    )
    assert report.passed
