"""Suite 6 of the test plan: the golden path of a user on a deployment, before and after the migration."""

from dataclasses import dataclass

import pytest

from netra_backend.testing.client import LIFECYCLE, Frame
from netra_backend.tests.outcomes import PASSES, fails_before, outcome
from netra_migrate.domain.performance import Judgement
from tests.e2e.application import MODEL_S, Application, Tab, all_five, answer_in, ask, history
from tests.e2e.deployment import Person
from tests.e2e.timing import Figures, Measure, judged, paired, seconds
from tests.e2e.websocket.conftest import Login

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.model]

LOGIN_S = 2.0
ANSWER_S = 10.0
"""What a login, and a simple question to the real model, may take (mission.md, Success figures)."""


@dataclass(frozen=True)
class Flow:
    """What a user got who asked two questions in one thread."""

    events: list[list[str]]
    answers: list[str]
    history: list[tuple[str, str]]


async def flow(application: Application, person: Person) -> Flow:
    """Ask twice and read the thread."""
    async with application.connect(person) as tab:
        first = await ask(tab, "What is 12 * 3?")
        second = await ask(tab, "What is 100 - 1?", thread_id=first[0]["thread_id"])
        said = await history(tab, first[0]["thread_id"])
    runs = (first, second)
    return Flow([[frame["type"] for frame in run] for run in runs], [answer_in(run) for run in runs], said)


@outcome(legacy=PASSES, adapter=PASSES)
async def test_complete_chat_flow_legacy_baseline(
    legacy: Application, subject: Application, login: Login
) -> None:
    """The legacy application answers, tells one of five events and keeps the thread; the same answers come later."""
    before = await flow(legacy, await login(legacy))
    assert before.events == [["agent_completed"]] * 2
    assert ["36" in before.answers[0], "99" in before.answers[1]] == [True, True]
    questions = ("What is 12 * 3?", "What is 100 - 1?")
    assert before.history == [
        said
        for question, answer in zip(questions, before.answers, strict=True)
        for said in (("user", question), ("assistant", answer))
    ]
    if not subject.before:
        after = await flow(subject, await login(subject))
        assert (after.answers, after.history) == (before.answers, before.history)
        assert after.events == [list(LIFECYCLE)] * 2


@fails_before("of the five lifecycle events only agent_completed came")
async def test_complete_chat_flow_ssot_migration(subject: Application, ada: Person) -> None:
    """Login in time, every event once and in order on both tabs, each message stored once, the thread complete."""
    assert ada.login_s < LOGIN_S
    async with subject.connect(ada) as tab, subject.connect(ada) as other:
        await other.ask("ping")
        await tab.ask("ping")
        accepted = await tab.say("What is 6 * 7?", agent="demo")
        events = await tab.finished(accepted["run_id"])
        all_five(events)
        assert "42" in answer_in(events)
        await other.finished(accepted["run_id"])
        assert tab.durable() == other.durable()
        assert await sent_again(tab, accepted) == accepted["payload"] | {"duplicate": True}
        seqs = [frame["seq"] for frame in tab.durable()]
        assert seqs == list(range(seqs[0], seqs[0] + len(LIFECYCLE) + 1))
        said = await history(tab, accepted["thread_id"])
        assert said == [("user", "What is 6 * 7?"), ("assistant", answer_in(events))]


async def sent_again(tab: Tab, accepted: Frame) -> Frame:
    """Send the message once more, as after a lost answer; the payload of the second answer."""
    question = {"text": "What is 6 * 7?", "agent": "demo"}
    await tab.send("user_message", question, id=accepted["reply_to"])
    await tab.until(lambda frame: frame.get("reply_to") == accepted["reply_to"] and frame is not accepted)
    answers = [frame for frame in tab.frames if frame.get("reply_to") == accepted["reply_to"]]
    assert [frame["run_id"] for frame in answers] == [accepted["run_id"]] * 2
    payload: Frame = answers[1]["payload"]
    return payload


@fails_before("stop_agent stopped nothing: the run went on to its end")
async def test_agent_execution_message_flow(subject: Application, ada: Person) -> None:
    """A run that is stopped ends there and keeps what it wrote; a run with a tool tells of the call and its result."""
    async with subject.connect(ada) as tab:
        run = await tab.say("count slowly to 8", agent="demo")
        if not subject.before:
            await tab.writing(run["thread_id"])
        await tab.ask("stop_agent", {"run_id": run["run_id"]})
        end = (await tab.finished(run["run_id"]))[-1]["payload"]
        content = end["message"]["content"]
        assert "nobody stopped me" not in content, "stop_agent stopped nothing: the run went on to its end"
        assert end["status"] == "stopped"
        assert content
        assert content.startswith("".join(tab.live_text(run["thread_id"])))
        accepted = await tab.ask("start_agent", {"agent": "demo", "query": "What is 12 * (3 + 4)?"})
        events = await tab.finished(accepted["run_id"])
        all_five(events)
        call, result = events[2]["payload"], events[3]["payload"]
        assert (call["tool"], call["arguments"]) == ("calculator", {"expression": "12 * (3 + 4)"})
        assert (result["tool_call_id"], result["status"]) == (call["tool_call_id"], "ok")
        assert "84" in str(result["result"])
        assert events[-1]["payload"]["status"] == "completed"


FACT = "I have a cat called Minka."
QUESTION = "What is the name of my cat?"


@fails_before("history is that of the user's latest thread, not of the one asked for")
async def test_conversation_continuity(subject: Application, ada: Person) -> None:
    """The real model remembers over turns what was said in its thread and nowhere else; a reload shows all of it."""
    async with subject.connect(ada) as tab:
        tab.patience_s = MODEL_S
        first = await tab.say(FACT)
        thread_id = first["thread_id"]
        said = [FACT, answer_in(await tab.finished(first["run_id"]))]
        await ask(tab, "What is 2 + 3?")
        assert [text for _, text in await history(tab, thread_id)] == said
        for question in ("What is the capital of France?", QUESTION):
            accepted = await tab.say(question, thread_id=thread_id)
            said += [question, answer_in(await tab.finished(accepted["run_id"]))]
        stranger = await tab.say(QUESTION)
        assert "Minka" not in answer_in(await tab.finished(stranger["run_id"]))
        assert "Minka" in said[-1], f"the model was not given what was said before: {said[-1]}"
    async with subject.connect(ada) as reloaded:
        roles = ["user", "assistant"] * 3
        assert await history(reloaded, thread_id) == list(zip(roles, said, strict=True))
        answer = await reloaded.ask("list_threads", {})
        threads = [each["id"] for each in answer["payload"]["threads"]]
        assert {thread_id, stranger["thread_id"]} <= set(threads)
    over_http = await subject.request(ada, "GET", f"/api/threads/{thread_id}/messages")
    assert [message["content"] for message in over_http.json()["messages"]] == said


@fails_before("no live text came while the model wrote")
async def test_real_llm_agent_responses(subject: Application, ada: Person) -> None:
    """The real model calls a tool, writes its answer live and within the time, and stops in the middle when told."""
    async with subject.connect(ada) as tab:
        tab.patience_s = MODEL_S
        timed = await answered_by_model(tab, "What is 12 * 7?")
        assert timed.seconds < ANSWER_S
        calls = [frame["payload"] for frame in timed.events if frame["type"].startswith("tool_")]
        assert [call.get("status") for call in calls] == [None, "ok"]
        if subject.model is not None:  # our own agent, whose model writes the call itself
            assert calls[0]["arguments"] == {"expression": "12 * 7"}
            assert calls[1]["result"] == "84"
        run = await tab.say("Tell me a long story about a king.")
        await tab.writing(run["thread_id"])
        await tab.ask("stop_agent", {"run_id": run["run_id"]})
        end = (await tab.finished(run["run_id"]))[-1]["payload"]
        assert end["status"] == "stopped"
        assert end["message"]["content"].startswith("".join(tab.live_text(run["thread_id"])))
        if subject.model is not None:
            await without_model(subject, tab)


@dataclass(frozen=True)
class Timed:
    """The events of a run, and how long it took."""

    events: list[Frame]
    seconds: float


async def answered_by_model(tab: Tab, question: str) -> Timed:
    """Ask the default agent; the answer must have been written live."""
    events: list[Frame] = []

    async def asked() -> None:
        accepted = await tab.say(question)
        events.extend(await tab.finished(accepted["run_id"]))

    took = await seconds(asked)
    pieces = tab.live_text(events[0]["thread_id"])
    assert len(pieces) > 1, "no live text came while the model wrote"
    assert answer_in(events).startswith("".join(pieces))
    assert set(LIFECYCLE) == {frame["type"] for frame in events}
    return Timed(events, took)


async def without_model(subject: Application, tab: Tab) -> None:
    """Close the way to the model: the run says so, and nothing else breaks."""
    assert subject.model is not None
    subject.model.refuse()
    subject.model.cut()
    try:
        run = await tab.say("What is the capital of Italy?")
        end = (await tab.finished(run["run_id"]))[-1]["payload"]
    finally:
        await subject.model.heal()
    assert (end["status"], end["error"]["code"]) == ("failed", "model_unavailable")


@fails_before("what happens while a socket is closed is lost")
async def test_websocket_reconnection_handling(subject: Application, ada: Person) -> None:
    """A socket that broke in the middle of a run gets, on its return, exactly what it missed; the run goes on."""
    async with subject.connect(ada) as watching:
        await watching.ask("ping")
        async with subject.connect(ada) as first:
            hello = first.frames[0]["payload"]
            run = await first.say("count slowly to 4", agent="demo")
            first.socket.transport.abort()
        await watching.finished(run["run_id"])
    position = {name: hello.get(name) for name in ("epoch", "head")}
    assert None not in position.values(), (
        "what happens while a socket is closed is lost: there is no position"
    )
    after = max([frame["seq"] for frame in first.durable()], default=position["head"])
    async with subject.connect(ada) as back:
        resumed = await back.ask("resume", {"epoch": position["epoch"], "after": after})
        assert resumed["type"] == "resumed"
        assert [*first.durable(), *back.durable()] == watching.durable()
        events = [*first.of_run(run["run_id"]), *back.of_run(run["run_id"])]
        all_five(events)
        assert "nobody stopped me" in answer_in(events)


EXCHANGES = 5
PAIRS = 14


@outcome(legacy=PASSES, adapter=PASSES)  # the gate works on either; what it compares is in suite 8
async def test_performance_regression_detection(subject: Application, ada: Person) -> None:
    """In paired runs the gate passes when nothing changed, and fails when every exchange has a fifth more to do."""
    async with subject.connect(ada) as tab:

        def exchanges(count: int) -> Measure:
            async def measure() -> Figures:
                return {"exchanges_s": await seconds(lambda: several(tab, count))}

            return measure

        same, slower = exchanges(EXCHANGES), exchanges(EXCHANGES + 1)
        before, unchanged, planted = await paired([exchanges(EXCHANGES), same, slower], pairs=PAIRS)
    quiet, loud = judged(before, unchanged), judged(before, planted)
    assert quiet.passed, quiet.comparisons[0].sentence
    assert [each.judgement for each in loud.comparisons] == [Judgement.REGRESSION], loud.comparisons[
        0
    ].sentence


async def several(tab: Tab, count: int) -> None:
    """Ask so many questions, one after the other."""
    for number in range(count):
        await ask(tab, f"What is {number} + 1?")
