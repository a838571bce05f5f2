"""Suite 7 of the test plan: the conflicts of two handler modules, reproduced; one interface cannot have them."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from netra_backend.protocol.messages import CLIENT_TYPES
from netra_backend.stack.process import StackError
from netra_backend.testing.client import Frame
from netra_backend.tests.outcomes import fails_before, phase
from netra_backend.tests.trees import tree
from tests.e2e.application import Application, all_five, answer_in, ask, history
from tests.e2e.deployment import Person
from tests.e2e.ground import Ground
from tests.e2e.impostor import IMPOSTOR
from tests.e2e.websocket.conftest import Login

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.model]

NONSENSE = "00000000-0000-0000-0000-000000000007"

CLAIMED = """
import json
{module} = __import__({path!r}, fromlist=["_"])
who, plain = {{}}, {place}
def recording(*arguments):
    kind, handler = arguments[-2:]
    who.setdefault(kind, []).append(f"{{handler.__module__}}.{{handler.__qualname__}}")
    return plain(*arguments)
{place} = recording
import {entry}
{build}
print(json.dumps({{kind: list(dict.fromkeys(names)) for kind, names in who.items()}}))
"""
SECOND = """
import json
from netra_backend.websocket_core.factory import default_registry
from netra_backend.websocket_core.registry import DuplicateHandlerError
class Second: pass
registry, said = default_registry(), {}
for kind, holder in registry.makers.items():
    try:
        registry.register(kind, Second)
    except DuplicateHandlerError as error:
        said[kind] = [str(error), registry.makers[kind] is holder]
print(json.dumps(said))
"""


@fails_before("both sides claim start_agent, and nobody objects")
async def test_duplicate_handler_registration_conflict(subject: Application) -> None:
    """Each message type is claimed once when the application starts, and a second claim is refused, naming both."""
    code = tree(phase())
    ours = {
        "module": "factory",
        "path": "netra_backend.websocket_core.factory",
        "place": "factory.HandlerRegistry.register",
    }
    theirs = {"module": "registry", "path": "chat.registry", "place": "registry.register_handler"}
    of_netra = subject.data_dir is None
    asked = (ours if of_netra else theirs) | {"build": "factory.default_registry()" if of_netra else ""}
    claims: dict[str, list[str]] = await asyncio.to_thread(
        code.run, CLAIMED.format(entry=code.entry, **asked)
    )
    assert {"user_message", "start_agent", "stop_agent", "get_thread_history"} <= set(claims)
    for kind in sorted(claims, reverse=True, key=lambda each: each == "start_agent"):
        names = " and ".join(claims[kind])
        assert len(claims[kind]) == 1, f"both sides claim {kind}, and nobody objects: {names}"
    refused: dict[str, Any] = await asyncio.to_thread(code.run, SECOND)
    assert set(refused) == set(CLIENT_TYPES)
    for kind, (sentence, kept) in refused.items():
        assert sentence.endswith(f"__main__.Second claim {kind!r}; remove one.")
        assert "netra_backend.websocket_core.handlers." in sentence
        assert kept


@fails_before("the answer to one user was sent to another")
async def test_message_routing_confusion(subject: Application, ada: Person, bob: Person) -> None:
    """Users who talk at once each get their own answers, on the socket that asked, and nothing of the other."""
    async with subject.connect(ada) as hers, subject.connect(bob) as his, subject.connect(bob) as other:
        for tab in (hers, his, other):
            await tab.ask("ping")
        slow = await hers.say("count slowly to 4", agent="demo")
        quick = await ask(his, "What is 5 + 5?")
        end = await hers.come(lambda frame: frame["type"] == "agent_completed")
        await his.ask("ping")
        strays = [frame for frame in his.of_type("agent_completed") if frame not in quick]
        assert strays == [], "the answer to one user was sent to another"
        assert end is not None
        all_five(hers.of_run(slow["run_id"]))
        assert "nobody stopped me" in answer_in([end])
        assert "10" in answer_in(quick)
        await other.ask("ping")
        assert other.of_type("accepted") == []
        assert await history(his, quick[0]["thread_id"]) == [
            ("user", "What is 5 + 5?"),
            ("assistant", answer_in(quick)),
        ]
        for tab in (his, other):
            assert slow["run_id"] not in json.dumps(tab.frames), "a frame of one user reached another"
        assert quick[0]["run_id"] not in json.dumps(hers.frames), "a frame of one user reached another"


INTERFACES = """
import inspect, json
{imports}
{claims}
def named(handler, method):
    found = getattr(handler, method, None)
    return found and list(inspect.signature(found).parameters)[1:]
print(json.dumps({{kind: [named(each, "handle"), named(each, "handle_message")] for kind, each in claims.items()}}))
"""


@fails_before("user_message is handled by handle(user_id, payload), which has no result")
async def test_interface_breaking_changes(subject: Application, ada: Person) -> None:
    """Whoever claims a type has the one interface, and its result reaches the client: `True` an answer, `False` an error."""
    code = tree(phase())
    asked = INTERFACES.format(imports=f"import {code.entry}", claims=code.claims)
    found: dict[str, Any] = await asyncio.to_thread(code.run, asked)
    for kind in sorted(found, reverse=True):
        legacy, canonical = found[kind]
        old = f"{kind} is handled by handle({', '.join(legacy or ())}), which has no result"
        assert legacy != ["user_id", "payload"], old
        assert canonical == ["user_id", "websocket", "message"], kind
    async with subject.connect(ada) as tab:
        good = {"kind": "user_message", "payload": {"text": "What is 1 + 1?", "agent": "demo"}}
        frames = [good, good | {"thread_id": NONSENSE}]
        kinds = [[frame["type"] for frame in answers] for answers in await tab.all_answers(frames)]
        assert kinds == [["accepted"], ["error"]]
        await tab.finished(tab.of_type("accepted")[0]["run_id"])


async def first_answer(
    ground: Ground, subject: Application, login: Login, first: Sequence[str]
) -> Frame | None:
    """What a process that imports modules in this order says to a message; None if nothing, or it does not start."""
    try:
        async with ground.twin(subject, first=first) as (twin, _):
            person = await login(twin)
            async with twin.connect(person) as tab:
                asked = {"text": "What is 2 + 2?", "agent": "demo"}
                answer = await tab.answered("user_message", asked)
                if answer is not None and answer["type"] == "accepted":
                    await tab.come(lambda frame: frame["type"] == "agent_completed")
                return answer
    except StackError:
        return None


@fails_before("import order decides whether user_message is answered")
async def test_import_precedence_failures(ground: Ground, subject: Application, login: Login) -> None:
    """In whatever order the handler modules are imported first, the process that starts answers alike."""
    code = tree(phase())
    orders = ((code.canonical, *code.others), (*code.others, code.canonical))
    answers = await asyncio.gather(*(first_answer(ground, subject, login, order) for order in orders))
    silent = [order[-1] for order, answer in zip(orders, answers, strict=True) if answer is None]
    assert silent == [], (
        f"import order decides whether user_message is answered: not with {silent[0]} as the last"
    )
    assert [answer and answer["type"] for answer in answers] == ["accepted"] * 2


@fails_before("a module that was imported later took user_message over, and nobody objected")
async def test_handler_override_scenarios(ground: Ground, subject: Application, login: Login) -> None:
    """A handler that another module brings for a type that has one gets no message: the start is refused."""
    if subject.data_dir is not None:
        answer = await first_answer(ground, subject, login, ["chat.main", "tests.e2e.impostor_in_chat"])
        assert answer is not None
        whose = answer["payload"].get("message_id")
        assert whose != IMPOSTOR, (
            "a module that was imported later took user_message over, and nobody objected"
        )
        assert answer["type"] == "accepted"
    refusal = (
        r"Both netra_backend\.websocket_core\.handlers\.UserMessageHandler and"
        r" tests\.e2e\.impostor\.Impostor claim 'user_message'"
    )
    with pytest.raises(StackError, match=refusal):
        async with ground.twin(subject, first=["tests.e2e.impostor_in_netra"]):
            pass


@fails_before("dropped without a word: list_threads, follow, nonsense")
async def test_legacy_fallback_failures(subject: Application, ada: Person) -> None:
    """No message falls through to nobody: each is answered once, also of unknown type and of a thread that is not there."""
    frames: list[dict[str, Any]] = [
        {"kind": "list_threads"},
        {"kind": "follow", "thread_id": NONSENSE},
        {"kind": "nonsense"},
        {
            "kind": "user_message",
            "payload": {"text": "What is 1 + 1?", "agent": "demo"},
            "thread_id": NONSENSE,
        },
        {"kind": "get_thread_history", "thread_id": NONSENSE},
        {"kind": "stop_agent", "payload": {"run_id": NONSENSE}},
    ]
    async with subject.connect(ada) as tab:
        answers = await tab.all_answers(frames)
        silent = [frame["kind"] for frame, came in zip(frames, answers, strict=True) if not came]
        assert silent == [], f"dropped without a word: {', '.join(silent)}"
        assert [[frame["type"] for frame in came] for came in answers] == [["threads"], *[["error"]] * 5]
        codes = [came[0]["payload"]["code"] for came in answers[1:]]
        assert codes == ["not_found", "unknown_type", *["not_found"] * 3]
