"""The comparison with other products: a wrong answer voids it, and nothing is compared that was not measured."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.agents import ANSWER, stub
from benchmarks.criteria.kept import peers
from benchmarks.frames import FrameError
from benchmarks.peers.agno_visitor import AgnoVisitor
from benchmarks.peers.chainlit_visitor import ChainlitVisitor
from benchmarks.peers.comparison import KEPT, Comparison, Row, table_of
from benchmarks.peers.products import APPS, LOCK, PRODUCTS
from benchmarks.peers.streams import END, Event, EventReader
from benchmarks.peers.stub import ARGUMENTS, RESULT, THOUGHT, TOOL, as_json
from benchmarks.peers.visitor import Visitor
from benchmarks.user import Run, User

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(*texts: bytes) -> bytes:
    """A streamed answer, one chunk a text."""
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(text), text) for text in texts) + b"0\r\n\r\n"


def agno_run(**changes: Any) -> list[tuple[str, Any]]:
    """The events of a good run of Agno; the arguments change what is said."""
    said = {"thought": THOUGHT, "arguments": ARGUMENTS, "result": RESULT, "answer": ANSWER} | changes
    return [
        ("RunStarted", {}),
        ("ModelRequestStarted", {}),
        ("RunContent", {"reasoning_content": said["thought"]}),
        ("ToolCallStarted", {"tool": {"tool_args": said["arguments"]}}),
        ("ToolCallCompleted", {"tool": {"result": json.dumps(said["result"])}}),
        ("RunContent", {"content": said["answer"], "reasoning_content": ""}),
        ("RunCompleted", {"content": said["answer"]}),
    ]


def chainlit_run(**changes: Any) -> list[tuple[str, Any]]:
    """The same of Chainlit."""
    said = {"thought": THOUGHT, "arguments": ARGUMENTS, "result": RESULT, "answer": ANSWER} | changes
    tool = {"type": "tool", "input": json.dumps(said["arguments"]), "output": json.dumps(said["result"])}
    return [
        ("task_start", {}),
        ("new_message", {"type": "run", "output": ""}),
        ("new_message", {"type": "llm", "output": said["thought"]}),
        ("new_message", {"type": "tool", "input": "", "output": ""}),
        ("update_message", tool),
        ("new_message", {"type": "assistant_message", "output": said["answer"]}),
        ("task_end", {}),
    ]


def of_agno(visitor: Visitor, events: Sequence[tuple[str, Any]]) -> None:
    """Events as Agno sends them."""
    texts = [f"event: {name}\ndata: {json.dumps(said)}\n\n".encode() for name, said in events]
    visitor.data_received(answer(*texts))


def of_chainlit(visitor: Visitor, events: Sequence[tuple[str, Any]]) -> None:
    """Events as Chainlit sends them, in WebSocket frames after an upgrade."""
    visitor._upgraded = True
    packets = [b"42" + json.dumps(event).encode() for event in (("clear_call_fn", {}), *events)]
    for number, packet in enumerate(packets):
        visitor.data_received(b"\x81\x7e" + len(packet).to_bytes(2, "big") + packet)
        if number == 0:
            visitor.begin(1.0)


Played = tuple[list[Run], list[str]]


async def played(
    kind: type[Visitor], send: Callable[[Visitor, Sequence[tuple[str, Any]]], None], events: Any
) -> Played:
    """What came of one message that was answered with `events`."""
    ended: list[Run] = []

    def completed(_: User, run: Run) -> None:
        ended.append(run)

    visitor = kind("127.0.0.1:1", "ada", completed=completed, failed=lambda: None)
    if kind is AgnoVisitor:
        visitor.begin(1.0)
    send(visitor, events)
    return ended, visitor.wrong


KINDS = [(AgnoVisitor, of_agno, agno_run), (ChainlitVisitor, of_chainlit, chainlit_run)]


@pytest.mark.parametrize(("kind", "send", "run"), KINDS)
async def test_good_run_counts(kind: Any, send: Any, run: Any) -> None:
    """Five steps in order with the right content."""
    ended, wrong = await played(kind, send, run())
    assert ([each.step for each in ended], wrong) == ([5], [])


@pytest.mark.parametrize(("kind", "send", "run"), KINDS)
@pytest.mark.parametrize(
    "change", [{"thought": "?"}, {"arguments": {}}, {"result": {}}, {"answer": "Rome."}], ids=str
)
async def test_wrong_content_voids(kind: Any, send: Any, run: Any, change: dict[str, Any]) -> None:
    """Whatever differs from the stub agent's words."""
    _, wrong = await played(kind, send, run(**change))
    assert wrong


@pytest.mark.parametrize(("kind", "send", "run"), KINDS)
@pytest.mark.parametrize("missing", [0, 2, 3, 4])
async def test_missing_or_doubled_step_voids(kind: Any, send: Any, run: Any, missing: int) -> None:
    """Each of the steps, left out and sent twice."""
    events = run()
    _, without = await played(kind, send, events[:missing] + events[missing + 1 :])
    _, twice = await played(kind, send, events[: missing + 1] + events[missing:])
    assert (bool(without), bool(twice)) == (True, True)


async def test_end_without_an_answer_voids() -> None:
    """Chainlit ends a task also when the agent failed."""
    events = chainlit_run()
    ended, wrong = await played(ChainlitVisitor, of_chainlit, events[:5] + events[6:])
    assert "whether an answer came" in wrong[0]
    assert ended


async def test_closed_connection_is_a_fault_only_within_a_run() -> None:
    """HTTP servers close connections that are idle."""
    wrong: list[str] = []
    for within in (False, True):
        visitor = AgnoVisitor("127.0.0.1:1", "ada", completed=lambda *_: None, failed=lambda: None)
        if within:
            visitor.begin(1.0)
        visitor.connection_lost(None)
        wrong += visitor.wrong
    assert len(wrong) == 1


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_streams_are_cut_alike_however_they_arrive(size: int) -> None:
    """Two answers on one connection; events over chunk borders; a comment."""
    data = answer(b"event: a\ndata: 1\n\nevent: b\nda", b"ta: 2\n\n", b": ping\n\n") + answer(
        b"event: c\ndata: 3\n\n"
    )
    reader = EventReader()
    found = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    assert found == [Event(b"a", b"1"), Event(b"b", b"2"), END, Event(b"c", b"3"), END]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 429 Too Many Requests\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        answer(b"event: a\ndata: 1"),
        answer(b"no event\n\n"),
    ],
)
def test_other_answers_are_refused(data: bytes) -> None:
    """A refusal, a whole answer, an event that was cut off, and what is no event."""
    with pytest.raises(FrameError):
        EventReader().feed(data)


class _Call:
    result: object = None


class _Told:
    """What the stub agent did, in words of the peers' stub."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.call = _Call()

    async def think(self, text: str) -> None:
        self.found["thought"] = text

    def tool(self, name: str, arguments: dict[str, Any]) -> "_Told":
        self.found |= {"tool": name, "arguments": arguments}
        return self

    async def __aenter__(self) -> _Call:
        return self.call

    async def __aexit__(self, *_: object) -> None:
        self.found["result"] = self.call.result

    async def write(self, text: str) -> None:
        self.found["answer"] = text


async def test_stub_of_the_peers_is_ours() -> None:
    """The same thought, tool, arguments, result and answer, or it would be another race."""
    told: Any = _Told()
    await stub(told)
    assert told.found == json.loads(as_json())
    assert told.found["tool"] == TOOL


def test_every_product_is_locked_and_there(tmp_path: Path) -> None:
    """Its version is pinned with hashes and no address, its files exist, its environment holds no secrets of ours."""
    lock = LOCK.read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    for product in PRODUCTS:
        assert f"\n{product.package}==" in lock or lock.startswith(f"{product.package}==")
        assert product.schema == "" or (APPS / product.schema).is_file()
        env = product.environ(database="postgresql://a:b@127.0.0.1:1/c", port=5, home=tmp_path)
        assert env["PEER_DATABASE"].startswith(f"postgresql+{product.driver}://")
        assert env["AGNO_TELEMETRY"] == "false"


def test_no_key_or_proxy_reaches_a_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a program needs to start at all."""
    monkeypatch.setenv("OPENAI_API_KEY", "not to be seen")
    monkeypatch.setenv("HTTPS_PROXY", "not to be seen")
    for product in PRODUCTS:
        env = product.environ(database="postgresql://a:b@127.0.0.1:1/c", port=5, home=tmp_path)
        assert "not to be seen" not in env.values()


def row(product: str, speed: float, **facts: Any) -> Row:
    """A row of which only the speed matters."""
    zeros = dict.fromkeys(("p50_ms", "p99_ms", "frames", "server_us", "store_us"), 0.0)
    return msgspec.convert(
        {"product": product, "version": "1", "users": 100, "runs": 1, "runs_per_second": speed, "durable": ""}
        | {"durable_per_second": speed}
        | zeros
        | facts,
        Row,
    )


OURS = row("Netra", 1000.0, counts=False, ours=True)


def comparison(*rows: Row) -> Comparison:
    """Of these rows."""
    return Comparison(rows=list(rows), measured_at="a day", commit="abc", machine={})


def test_ratio_is_against_the_fastest_that_counts() -> None:
    """Not what is written by hand, and not another number of users."""
    by_hand, other = row("by hand", 500.0, counts=False), row("few users", 400.0, users=20)
    found = comparison(OURS, row("slow", 10.0), row("fast", 50.0), by_hand, other)
    assert (found.best and found.best.product, found.ratio) == ("fast", 20.0)
    assert comparison(OURS).ratio is None
    assert comparison(row("fast", 50.0)).ratio is None


def test_comparison_is_read(tmp_path: Path) -> None:
    """With its day and commit; without one it is said how to make it."""
    assert (peers(tmp_path).value, "make bench-peers" in peers(tmp_path).note) == (None, True)
    file = tmp_path / KEPT
    file.parent.mkdir()
    for speed, met in ((100.0, True), (101.0, False)):
        file.write_bytes(msgspec.json.encode(comparison(OURS, row("fast", speed))))
        assert (peers(tmp_path).value, peers(tmp_path).met) == (1000 / speed, met)
    assert all(word in peers(tmp_path).note for word in ("fast", "a day", "abc"))
    file.write_bytes(msgspec.json.encode(comparison(OURS)))
    assert (peers(tmp_path).value, "again" in peers(tmp_path).note) == (None, True)
    file.write_text("[]", encoding="utf-8")
    assert (peers(tmp_path).value, "again" in peers(tmp_path).note) == (None, True)


def test_table_has_a_heading_for_every_figure() -> None:
    """A figure below another heading would be a wrong figure."""
    table = table_of(comparison(OURS, row("fast", 50.0, durable="somewhere", behind_s=2.0)))
    cells = [list(column.cells)[1] for column in table.columns]
    assert [str(column.header) for column in table.columns][:4] == [
        "product",
        "users",
        "answered/s",
        "durable/s",
    ]
    assert cells[-2:] == ["20.0 times", "somewhere (100.0% stored, 2.0 s behind)"]
