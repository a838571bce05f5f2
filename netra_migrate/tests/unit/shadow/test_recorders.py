"""What the script in the target's Python records; it imports nothing of the target's here."""

import ast
import asyncio
import dataclasses
import datetime
import enum
import uuid
from pathlib import Path

import pytest

from netra_migrate.shadow import child
from netra_migrate.shadow.child import Effects, TooManyEffects, plain
from netra_migrate.shadow.children import SCRIPT


class Kind(enum.Enum):
    """An enumeration of the target."""

    START = "start"


@dataclasses.dataclass
class Frame:
    """A message of the target."""

    kind: Kind
    data: dict[str, object]


class Model:
    """Looks like a Pydantic model."""

    def model_dump(self) -> dict[str, object]:
        """Its fields."""
        return {"a": 1}


class Plain:
    """Any class of the target."""

    def __init__(self) -> None:
        self.seen = 1
        self.__dict__["_hidden"] = object()


class Knot:
    """Holds itself several times."""

    def __init__(self) -> None:
        self.parts = [self] * 8


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            Frame(kind=Kind.START, data={"n": (1, 2.5, None, True)}),
            {"kind": "start", "data": {"n": [1, 2.5, None, True]}},
        ),
        ({1: b"\x00\xff", "s": {"b", "a"}}, {"1": {"base64": "AP8="}, "s": ["a", "b"]}),
        (float("nan"), "nan"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Model(), {"a": 1}),
        (Plain(), {"seen": 1}),
        (object(), "<object>"),
        (Plain, "<Plain>"),
        (ValueError("x"), {"exception": "ValueError", "text": "x"}),
    ],
)
def test_values_are_plain_and_without_identities(value: object, expected: object) -> None:
    """As JSON has them: no addresses, no classes of what goes over a wire."""
    assert plain(value) == expected


def test_what_hangs_on_to_everything_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight to the power of twelve values would never be written."""
    monkeypatch.setattr(child, "MOST_VALUES", 100)
    assert str(plain(Knot())).count("<more>") <= 200


def test_long_texts_keep_their_identity() -> None:
    """Two that differ at the end still differ."""
    assert plain("a" * 30_000) != plain("a" * 29_999 + "b")
    assert len(plain("a" * 30_000)) < 300


async def test_a_call_counts_when_it_is_awaited() -> None:
    """As with a real connection: a coroutine that nobody awaits sends nothing."""
    effects = Effects()
    call = effects.connection("ws").send_json({"a": 1}, mode="text")
    assert effects.recorded == []
    assert await call is None
    assert effects.recorded == [
        {
            "target": "connection.ws",
            "method": "send_json",
            "arguments": [{"a": 1}],
            "details": {"mode": "text"},
        }
    ]


async def test_arguments_are_as_they_were_when_it_was_called() -> None:
    """A dict that is changed afterwards is recorded as it was."""
    effects = Effects()
    frame = {"a": 1}
    await effects.connection("ws").send_json(frame)
    frame["a"] = 2
    assert effects.recorded[0]["arguments"] == [{"a": 1}]


async def test_answers_are_values_functions_or_awaitables() -> None:
    """Values are copied, so that no handler changes the next one's."""
    effects = Effects()
    row = {"title": "A"}

    async def count(kind: str) -> int:
        await asyncio.sleep(0)
        return len(kind)

    store = effects.store("db", load=row, count=count, sync=False)
    assert await store.load(1) == row
    assert await store.load(1) is not row
    assert await store.count("abc") == 3
    service = effects.service("mail", sync=True, attributes={"sender": "me"}, send=lambda to: to.upper())
    assert (service.sender, service.send("you")) == ("me", "YOU")


async def test_sessions_and_their_factories_are_the_recorder() -> None:
    """`async with session_factory() as session` records on the store."""
    effects = Effects()
    async with effects.store("db")() as session:
        await session.commit()
    with effects.store("files", sync=True) as files:
        files.write("x")
    assert [each["target"] + "." + each["method"] for each in effects.recorded] == [
        "store.db.commit",
        "store.files.write",
    ]


def test_effects_have_an_end() -> None:
    """A handler in a loop is stopped; what comes after its answer is not recorded."""
    effects = Effects()
    for _ in range(child.MOST_EFFECTS):
        effects.record("tick")
    with pytest.raises(TooManyEffects):
        effects.record("tick")
    effects.close()
    effects.record("late")
    assert len(effects.recorded) == child.MOST_EFFECTS


def test_the_script_needs_no_more_than_python_3_8_and_its_standard_library() -> None:
    """The target's Python may be old, and has nothing of the kit's."""
    tree = ast.parse(Path(SCRIPT).read_text(encoding="utf-8"), feature_version=(3, 8))
    modules = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - {"__future__", "typing"} == {
        *("asyncio", "base64", "copy", "dataclasses", "datetime", "decimal", "enum", "hashlib", "importlib"),
        *("inspect", "json", "logging", "os", "sys", "types", "uuid"),
    }
