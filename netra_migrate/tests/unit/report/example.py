"""A migration half done, with hostile names in it, for the tests of every output."""

from netra_migrate.domain.handlers import Call, Claim, Clash, HandlerClass, Method, Shape
from netra_migrate.domain.phases import PhaseOutcome
from netra_migrate.domain.plan import Decision, Plan, Step, Target
from netra_migrate.domain.references import Form, Reference, Side
from netra_migrate.domain.rewriting import Refusal
from netra_migrate.domain.survey import Survey, Symbol, Unparsable
from netra_migrate.report.causes import Failure
from netra_migrate.report.findings import of_survey
from netra_migrate.report.material import (
    CaseView,
    CheckView,
    FigureView,
    Material,
    State,
    StepView,
    VerdictView,
)

LEGACY = "app.services.websocket.message_handler"
CANONICAL = "app.websocket_core.handlers"
HOSTILE = "app/<script>alert(1)</script>\x1b[2J\u202egpj.py"
"""A file's name with markup, a terminal's clear-screen, and a mark that turns text around."""

BEFORE = {"from": 41, "patch": 12, "import": 3, "reexport": 4, "dynamic": 1, "docstring": 2, "comment": 5}

DIFF = """\
--- a/app/routes/chat.py
+++ b/app/routes/chat.py
@@ -1,5 +1,5 @@
-from app.services.websocket.message_handler import StartAgentHandler
+from app.websocket_core.handlers import AgentHandler
 x = 1
 y = 2
-    await handler.handle(user_id, payload)
+    await handler.handle_message(user_id, websocket, message)
"""


def references() -> tuple[Reference, ...]:
    """Legacy references in several forms, one of them under a hostile name, one dead patch."""
    return (
        Reference(
            path=HOSTILE,
            line=3,
            side=Side.LEGACY,
            form=Form.FROM,
            module=LEGACY,
            symbols=("StopAgentHandler",),
        ),
        Reference(
            path="app/api.py", line=7, side=Side.LEGACY, form=Form.FROM, module=LEGACY, text="from x import y"
        ),
        Reference(
            path="tests/test_api.py",
            line=12,
            column=11,
            side=Side.LEGACY,
            form=Form.PATCH,
            module=LEGACY,
            symbols=("Gone",),
            exists=False,
            text='with patch("app.services.websocket.message_handler.Gone"):',
        ),
        Reference(path="app/old.py", line=1, side=Side.LEGACY, form=Form.COMMENT, module=LEGACY),
        Reference(path="app/new.py", line=1, side=Side.CANONICAL, form=Form.FROM, module=CANONICAL),
    )


def survey() -> Survey:
    """What a scan found."""
    hollow = Method(name="handle_message", line=44, is_async=True, parameters=("user_id",), hollow=True)
    return Survey(
        root="/srv/app",
        files=10412,
        data_files=2210,
        excluded={"ignored": 310, "backup": 14, "vendored": 0},
        references=references(),
        handlers=(
            HandlerClass(
                path="app/services/websocket/message_handler.py",
                line=40,
                module=LEGACY,
                name="StartAgentHandler",
                shape=Shape.LEGACY,
                message_types=("start_agent",),
            ),
            HandlerClass(
                path="app/websocket_core/handlers.py",
                line=30,
                module=CANONICAL,
                name="AgentHandler",
                shape=Shape.CANONICAL,
                methods=(hollow,),
                message_types=("start_agent", "user_message"),
            ),
        ),
        calls=(Call(path="app/api.py", line=9, column=4, method="handle", receiver="handler", arguments=2),),
        claims=(Claim(message_type="start_agent", handler="StartAgentHandler", path="app/a.py", line=40),),
        clashes=(
            Clash(
                what="claim", name="start_agent", where=("app/a.py:40", "app/websocket_core/handlers.py:30")
            ),
            Clash(what="name", name="BaseMessageHandler", where=("app/a.py:10", "app/b.py:12")),
        ),
        cycles=(("app.a", "app.b"),),
        imports={"app.api": (LEGACY,)},
        legacy=(Symbol(name="StartAgentHandler", kind="class", line=40),),
        canonical=(Symbol(name="AgentHandler", kind="class", line=30),),
        unparsable=(
            Unparsable(path="app/broken.py", line=4, reason="unexpected indent", found_by_text=(9, 12)),
            Unparsable(path="tools/old.py", line=1, reason="missing parentheses in call to 'print'"),
        ),
        seconds=4.2,
    )


def plan() -> Plan:
    """Six steps and an open question."""
    question = Target(
        symbol="MessageHandlerService",
        decision=Decision.NONE,
        reason="its constructor takes (supervisor, db_session_factory), and no canonical class does",
        decided=False,
    )
    same = Target(symbol="StartAgentHandler", decision=Decision.RENAMED, to=f"{CANONICAL}.AgentHandler")
    steps = tuple(
        Step(number=number, paths=step.paths, references=step.references, symbols=("StartAgentHandler",))
        for number, step in enumerate(step_views(), start=1)
    )
    return Plan(
        targets=(same, question), steps=steps, open_questions=(question,), left_alone=("docs/api.md",)
    )


def step_views() -> tuple[StepView, ...]:
    """Steps in every state."""
    paths = [
        ("app/routes/chat.py", "tests/routes/test_chat.py"),
        ("app/services/supervisor/websocket/registration_of_handlers_for_agents.py",),
        ("app/api.py",),
        (HOSTILE,),
        ("app/jobs/replay.py",),
        ("app/admin/console.py",),
    ]
    states = [State.DONE, State.DONE, State.ROLLED_BACK, State.REFUSED, State.WORKING, State.WAITING]
    return tuple(
        StepView(
            number=number,
            paths=each,
            references=number + 1,
            state=state,
            diff=DIFF if state in (State.DONE, State.ROLLED_BACK) else "",
            new_failures=("tests/test_api.py::test_reply[<b>]",) if state is State.ROLLED_BACK else (),
            reason="StopAgentHandler is called with two positional arguments."
            if state is State.REFUSED
            else "",
            seconds=0.0 if state in (State.WAITING, State.WORKING) else 3.1 * number,
        )
        for number, (each, state) in enumerate(zip(paths, states, strict=True), start=1)
    )


def material() -> Material:
    """All of it."""
    tests = ("tests/test_compatibility.py::test_return_codes", "tests/test_chat.py::test_golden_path")
    return Material(
        legacy=LEGACY,
        canonical=CANONICAL,
        root="/srv/app",
        written_at="2026-11-22 17:00 UTC",
        survey=survey(),
        before=BEFORE,
        plan=plan(),
        steps=step_views(),
        verdicts=(
            VerdictView(message="start_agent #1", verdict="same", good=True),
            VerdictView(
                message="stop_agent #2",
                verdict="hollow success",
                good=False,
                detail='--- legacy\n+++ canonical\n@@ effects @@\n-send {"type": "agent_stopped"}\n',
            ),
        ),
        figures=(
            _figure("first_event_ms", (8.3, 3.2), (-0.61, -0.66, -0.55)),
            _figure("reply_ms", (21.0, 21.3), (0.014, -0.02, 0.048)),
            _figure("memory_mb", (180, 214), (0.19, 0.15, 0.23)),
        ),
        checks=(
            CheckView(name="The legacy module is gone", good=True),
            CheckView(name="No reference of any form is left", good=False, findings=of_survey(survey())),
        ),
        phases=tuple(
            PhaseOutcome(
                phase=phase,
                test=test,
                outcome="failed" if phase == "baseline" or (phase, test) == ("final", tests[1]) else "passed",
                expected="failed" if phase == "baseline" else "passed",
                reason="AssertionError: None is not True" if phase != "adapter" else "",
                seconds=0.2,
                ok=(phase, test) != ("final", tests[1]),
            )
            for test in tests
            for phase in ("baseline", "adapter", "gradual", "final")
        ),
        tests=(
            CaseView(
                test="tests/test_chat.py::test_reply", outcome="passed", good=True, step=1, seconds=0.21
            ),
            CaseView(
                test="tests/test_api.py::test_reply[<b>]", outcome="failed", good=False, step=3, seconds=1.4
            ),
        ),
        failures=(
            Failure(place="tests/a.py::t1", message="ImportError: cannot import 'X' from /srv/app/a.py:12"),
            Failure(place="tests/b.py::t2", message="ImportError: cannot import 'X' from /srv/app/b.py:7"),
            Failure(place="tests/c.py::t3", message="TimeoutError: <script>alert(2)</script> after 10 s"),
        ),
        refusals=(
            Refusal(
                path=HOSTILE,
                line=3,
                reason="The handler returns a value: decide what it means.",
                can_adapt=True,
            ),
            Refusal(path="app/api.py", line=9, reason="The receiver's class is not known: annotate it."),
        ),
    )


def _figure(name: str, values: tuple[float, float], worse: tuple[float, float, float]) -> FigureView:
    bad = worse[1] > 0.05
    return FigureView(
        name=name,
        before=values[0],
        now=values[1],
        worse=worse[0],
        low=worse[1],
        high=worse[2],
        limit=0.05,
        judgement="regression" if bad else "no worse",
        good=not bad,
    )
