"""Suite 8 of the test plan: what must be true of a deployment once the migration is done."""

import asyncio
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from netra_client import NetraClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.stack.process import NetraProcess
from netra_backend.testing.client import PATIENCE_S, Frame
from netra_backend.tests.outcomes import PASSES, fails_before, outcome, phase
from netra_backend.tests.trees import LEGACY_MODULE, InterpreterFailed, Tree, sample, tree
from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide
from netra_migrate.scan.scanning import scan
from netra_migrate.verify.verification import verify
from tests.e2e.application import Application, Tab, all_five, answer_in, ask, history
from tests.e2e.deployment import Person
from tests.e2e.ground import Ground
from tests.e2e.timing import Figures, Measure, judged, paired, seconds
from tests.e2e.websocket.conftest import Login

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.model]

NONSENSE = "00000000-0000-0000-0000-000000000007"
LOGIN_S = 2.0
DONE = ("module-gone", "no-references", "no-patches", "no-mentions", "no-duplicate-claims")
"""The checks of `netra migrate verify` about what is left. Netra itself has a bridge for legacy handlers."""


@fails_before("of the five lifecycle events only agent_completed came")
async def test_post_migration_golden_path(subject: Application, ada: Person) -> None:
    """A login, two questions through the client library, live text, all five events, the thread complete."""
    async with subject.connect(ada) as tab:
        all_five(await ask(tab, "What is 6 * 7?"))
    assert ada.login_s < LOGIN_S
    own = NetraClient(subject.url, email=ada.email, password=ada.password)
    async with asyncio.timeout(PATIENCE_S), own as client:
        events = [event async for event in client.run("What is 12 * 7?", agent="demo")]
        names = [type(event).__name__ for event in events]
        came = [name for name in names if name not in ("MessageDelta", "MessageSnapshot", "MessageCreated")]
        assert came == ["AgentStarted", "AgentThinking", "ToolExecuting", "ToolCompleted", "AgentCompleted"]
        thread_id = events[-1].thread_id
        assert thread_id is not None
        again = [event async for event in client.run("What is 1 + 1?", thread_id=thread_id, agent="demo")]
        page = await client.history(thread_id)
    said = [message.content for message in page.messages]
    assert said[::2] == ["What is 12 * 7?", "What is 1 + 1?"]
    assert ["84" in said[1], "2" in said[3]] == [True, True]
    assert again[-1].thread_id == thread_id


def unfinished(tree: Tree) -> list[str]:
    """What `netra migrate verify` finds against the migration being done."""
    configuration = Configuration(
        legacy=LegacySide(module=LEGACY_MODULE, services=("MessageHandlerService",)),
        canonical=CanonicalSide(module=tree.canonical),
    )
    survey = scan(configuration, tree.root, cache=None, jobs=1, progress=lambda *_: None)
    done = verify(survey, configuration, shadow=None, ratchet=None, root=tree.root)
    found = [check for check in done.checks if check.name in DONE]
    assert {check.name for check in found} == set(DONE)
    return [str(finding) for check in found for finding in check.findings if not finding.warning]


@fails_before("message_handler.py:1 is still there; delete it.")
async def test_legacy_handler_removal_validation(tmp_path: Path) -> None:
    """The legacy module is gone and nothing names it; put back, it is found."""
    code = tree(phase())
    copy = code.copied(tmp_path)
    left = await asyncio.to_thread(unfinished, copy)
    assert left == [], "; ".join(left)
    with pytest.raises(InterpreterFailed, match=r"^ModuleNotFoundError: No module named 'chat"):
        code.run(f"import {LEGACY_MODULE}")
    copy.legacy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample().legacy, copy.legacy)
    found = await asyncio.to_thread(unfinished, copy)
    assert any("is still there; delete it." in finding for finding in found)


def every_type(run: Frame) -> list[tuple[dict[str, Any], str]]:
    """A frame of every type about a run that has ended, and the type of its answer."""
    thread_id = run["thread_id"]
    return [
        ({"kind": "ping"}, "pong"),
        ({"kind": "list_threads"}, "threads"),
        ({"kind": "get_thread_history", "thread_id": thread_id}, "thread_history"),
        ({"kind": "follow", "thread_id": thread_id}, "followed"),
        ({"kind": "unfollow", "thread_id": thread_id}, "unfollowed"),
        ({"kind": "user_message", "payload": {"text": "What is 1 + 2?", "agent": "demo"}}, "accepted"),
        ({"kind": "start_agent", "payload": {"query": "What is 2 + 2?", "agent": "demo"}}, "accepted"),
        ({"kind": "stop_agent", "payload": {"run_id": run["run_id"]}}, "accepted"),
    ]


@fails_before("dropped without a word: list_threads, follow, unfollow")
async def test_ssot_handler_full_functionality(subject: Application, ada: Person) -> None:
    """Every message type of the wire gets its one answer, and does what it is for."""
    async with subject.connect(ada) as tab, subject.connect(ada) as other:
        await other.ask("ping")
        run = (await ask(tab, "What is 6 * 7?"))[0]
        frames = every_type(run)
        answers = await tab.all_answers([frame for frame, _ in frames])
        silent = [frame["kind"] for (frame, _), came in zip(frames, answers, strict=True) if not came]
        assert silent == [], f"dropped without a word: {', '.join(silent)}"
        assert [[frame["type"] for frame in came] for came in answers] == [[kind] for _, kind in frames]
        assert answers[-1][0]["payload"]["duplicate"] is True
        for came in answers[5:7]:
            all_five(await tab.finished(came[0]["run_id"]))
        await tab.send("typing", {"active": True}, thread_id=run["thread_id"])
        await other.until(lambda frame: frame["type"] == "typing")
        renewed = await tab.ask("authenticate", {"token": ada.token})
        assert renewed["type"] == "connected"
        hello = tab.frames[0]["payload"]
        resumed = await tab.ask("resume", {"epoch": hello["epoch"], "after": hello["head"]})
        assert resumed["type"] == "resumed"
        used = {frame["kind"] for frame, _ in frames} | {"typing", "authenticate", "resume"}
        assert used == set(CLIENT_TYPES)


PAIRS = 10


@outcome(legacy=PASSES, adapter=PASSES)  # as quick as itself
async def test_performance_parity_validation(legacy: Application, subject: Application, login: Login) -> None:
    """Users get their answers as soon as before the migration, in paired runs; what they see first comes no later."""
    persons = await login(legacy), await login(subject)
    async with legacy.connect(persons[0]) as old, subject.connect(persons[1]) as new:
        before, now = await paired([answer_times(old), answer_times(new)], pairs=PAIRS)
    report = judged(before, now, worse_by=0.15)
    assert report.passed, "; ".join(each.sentence for each in report.comparisons)
    assert {each.figure for each in report.comparisons} == {"answer_s", "first_text_s"}


def answer_times(tab: Tab) -> Measure:
    """Time until something of the answer can be read, and until it is complete."""

    async def measure() -> Figures:
        runs: list[Frame] = []

        async def first_text() -> None:
            runs.append(await tab.say("count slowly to 2", agent="demo"))
            thread_id = runs[0]["thread_id"]
            await tab.until(lambda each: each["type"] in TEXTS and each["thread_id"] == thread_id)

        first_s = await seconds(first_text)
        rest_s = await seconds(lambda: tab.finished(runs[0]["run_id"]))
        return {"first_text_s": first_s, "answer_s": first_s + rest_s}

    return measure


TEXTS = ("message_delta", "agent_completed")


async def upgrade_status(subject: Application, headers: dict[str, str], query: str = "") -> int:
    """The HTTP status that a socket is refused with; 101 if it is not."""
    address = subject.url.replace("http", "ws", 1) + "/ws" + query
    try:
        async with connect(address, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def close_code(subject: Application, token: str) -> int | None:
    """The code that a socket with this token is closed with; None if it is let in."""
    address = subject.url.replace("http", "ws", 1) + "/ws"
    async with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        try:
            async with asyncio.timeout(5):
                while json.loads(await socket.recv())["type"] != "connected":
                    pass
        except ConnectionClosed:
            return socket.close_code
        return None


@fails_before("a token in the address is taken")
async def test_security_posture_maintained(
    subject: Application, ada: Person, bob: Person, login: Login
) -> None:
    """No token in the address, no forged one, no cookie from elsewhere, nothing of another user, no role by claim."""
    taken = await upgrade_status(subject, {}, f"?token={ada.token}")
    assert taken == 403, "a token in the address is taken"
    head, body, signature = ada.token.split(".")
    for forged in (f"{head}.{body}.{'A' * len(signature)}", f"{head}.{bob.token.split('.')[1]}.{signature}"):
        assert await close_code(subject, forged) == 4401
    entered = {"email": ada.email, "password": ada.password}
    answer = await subject.request(None, "POST", "/auth/login", json=entered)
    cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    for origin in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
        assert await upgrade_status(subject, cookie | origin) == 403
    assert (await subject.request(None, "GET", "/api/threads")).status_code == 401
    async with subject.connect(ada) as hers, subject.connect(bob) as spy:
        run = (await ask(hers, "What is 6 * 7?"))[0]
        await nothing_of(spy, run)
        path = f"/api/threads/{run['thread_id']}/messages"
        assert (await subject.request(bob, "GET", path)).status_code == 404
    leaving = await login(subject)
    await subject.request(leaving, "POST", "/auth/logout")
    assert await close_code(subject, leaving.token) == 4401


async def nothing_of(spy: Tab, run: Frame) -> None:
    """Every way to name somebody else's thread or run is answered as for nonsense; so is a claimed identity."""

    def aimed(thread_id: str, run_id: str) -> list[dict[str, Any]]:
        return [
            {"kind": "get_thread_history", "thread_id": thread_id},
            {"kind": "follow", "thread_id": thread_id},
            {"kind": "user_message", "thread_id": thread_id, "payload": {"text": "mine now"}},
            {"kind": "stop_agent", "payload": {"run_id": run_id}},
        ]

    got = await spy.all_answers(aimed(run["thread_id"], run["run_id"]))
    void = await spy.all_answers(aimed(NONSENSE, NONSENSE))
    assert [[each["payload"] for each in came] for came in got] == [
        [each["payload"] for each in came] for came in void
    ]
    assert {came[0]["payload"]["code"] for came in got} == {"not_found"}
    claimed = [{"kind": "user_message", "payload": {"text": "Hi", "user_id": "somebody"}}]
    assert [came[0]["payload"]["code"] for came in await spy.all_answers(claimed)] == ["bad_message"]


BAD = (
    "not JSON",
    "[1, 2]",
    '{"type": "user_message"}',
    '{"type": "user_message", "id": "%s", "payload": {"text": 5}}',
    '{"type": "user_message", "id": "%s", "payload": {"text": "x", "extra": 1}}',
    '{"type": "get_thread_history", "id": "%s", "thread_id": "nonsense"}',
    '{"type": "user_message", "id": "%s", "payload": {"text": "x", "references": '
    + "[" * 64
    + "]" * 64
    + "}}",
)


@fails_before("errors are swallowed: 0 of 7 bad frames were answered")
async def test_error_handling_robustness(subject: Application, ada: Person) -> None:
    """Each bad frame gets one error and costs nothing else; a tool that fails, and a model that is away, are told."""
    async with subject.connect(ada) as tab:
        for number, text in enumerate(BAD):
            await tab.send_raw(text.replace("%s", f"bad-{number}"))
        await tab.ask("ping")
        codes = [frame["payload"].get("code") for frame in tab.of_type("error") if "code" in frame["payload"]]
        assert len(codes) == len(BAD), (
            f"errors are swallowed: {len(codes)} of {len(BAD)} bad frames were answered"
        )
        assert set(codes) == {"bad_message"}
        events = await ask(tab, "What is 1 / 0?")
        all_five(events)
        assert events[3]["payload"]["status"] == "error"
        assert events[-1]["payload"]["status"] == "completed"
        if subject.model is not None:
            end = await end_without_model(subject, tab)
            assert (end["status"], end["error"]["code"]) == ("failed", "model_unavailable")
        after = await ask(tab, "What is 2 * 21?", thread_id=events[0]["thread_id"])
        assert "42" in answer_in(after)
        assert len(await history(tab, events[0]["thread_id"])) == 4


async def end_without_model(subject: Application, tab: Tab) -> dict[str, Any]:
    """How a run ends whose model is away."""
    assert subject.model is not None
    subject.model.refuse()
    subject.model.cut()
    try:
        run = await tab.say("What is the capital of Spain?")
        end: dict[str, Any] = (await tab.finished(run["run_id"]))[-1]["payload"]
        return end
    finally:
        await subject.model.heal()


CONNECTIONS = 100
TOGETHER = 20
ROUNDS = 4
OBJECTS_EACH = 5.0
"""Objects that may stay of one connection, on average: timers that still run. A handler set alone is more than ten."""


@outcome(legacy=PASSES, adapter=PASSES)  # a handler that is made once leaves nothing of a connection
async def test_memory_leak_elimination(
    ground: Ground, subject: Application, login: Login, request: pytest.FixtureRequest
) -> None:
    """After hundreds of connections that came and went, a process holds no more objects than after the first ones."""
    async with ground.twin(subject) as (twin, process):
        person = await login(twin)
        await visits(twin, person)
        before, resident = await objects(process), memory_of(process)
        for _ in range(ROUNDS):
            await visits(twin, person)
        after, grown = await objects(process), memory_of(process) - resident
    each = (after - before) / (ROUNDS * CONNECTIONS)
    # Not by `record_property`, which warns in reports of pytest's own kind, and warnings are errors.
    request.node.user_properties += [
        ("objects_each", round(each, 3)),
        ("resident_bytes_each", round(grown / (ROUNDS * CONNECTIONS))),
    ]
    assert each < OBJECTS_EACH, f"{each:.1f} objects stay of every connection"


async def visits(application: Application, person: Person) -> None:
    """A hundred sockets, twenty at a time: a sign of life and, where that is answered, a page; half are torn off."""
    limit = asyncio.Semaphore(TOGETHER)

    async def visit(number: int) -> None:
        async with limit, application.connect(person) as tab:
            await tab.ask("ping")
            if not application.before:
                await tab.ask("list_threads", {})
            if number % 2:
                tab.socket.transport.abort()

    await asyncio.gather(*(visit(number) for number in range(CONNECTIONS)))


async def objects(process: NetraProcess) -> int:
    """Objects in the process, once what closes has closed: when their number stops falling."""
    counts = [await census(process)]
    while len(counts) < 2 or counts[-1] < counts[-2]:
        counts.append(await census(process))
    return counts[-1]


async def census(process: NetraProcess) -> int:
    """What the process counts; see `tests.e2e.program`."""
    counted = process.output.expect(lambda event: event.get("event") == "census")
    process.send(signal.SIGUSR1)
    async with asyncio.timeout(PATIENCE_S):
        count: int = (await counted)["objects"]
    return count


def memory_of(process: NetraProcess) -> int:
    """Resident bytes; for the record, since the allocator keeps what it was given."""
    resident: int = psutil.Process(process.pid).memory_info().rss
    return resident
