"""Names that the rewriter knows by heart, one by one: what each of them does to a call, a patch, a mock or a log."""

import pytest

from netra_migrate.domain.rewriting import Refused, Rewritten
from netra_migrate.rewrite import rewrite
from netra_migrate.tests.unit.rewrite.subject import CANONICAL, CONFIGURATION, DECISIONS, LEGACY

_NEW = 'WebSocketMessage(type="start_agent", payload={})'


def _run(text: str, *, path: str = "app/user.py") -> Rewritten | Refused:
    module = path.removesuffix(".py").replace("/", ".")
    return rewrite(text.encode(), path=path, module=module, decisions=DECISIONS, configuration=CONFIGURATION)


def _after(text: str, *, path: str = "app/user.py") -> str:
    """The file after the rewrite, without its first line: the import."""
    result = _run(text, path=path)
    assert isinstance(result, Rewritten), result
    return result.content.decode().partition("\n")[2]


def _told(text: str, *, path: str = "app/user.py") -> list[tuple[int, str, bool]]:
    result = _run(text, path=path)
    assert isinstance(result, Refused), result
    return [(each.line, each.reason, each.can_adapt) for each in result.refusals]


@pytest.mark.parametrize(
    "word",
    [
        "isinstance", "issubclass", "cast", "object", "create_autospec", "hasattr", "getattr", "setattr",
        "raises", "signature", "getsource", "spec", "id", "TypeVar", "print", "repr", "str", "callable",
        "isclass", "isabstract", "getmembers", "getmro", "getdoc", "getfile", "getsourcefile", "dir", "vars",
        "hash", "get_type_hints", "assertTrue", "assertIsNotNone", "assertIsNone", "assertIs", "assertIsNot",
        "assertEqual", "assertNotEqual", "assertIsInstance", "assertNotIsInstance", "assertIsSubclass",
        "assertHasAttr",
    ],
)  # fmt: skip
def test_who_only_looks_at_a_class_may_have_it(word: str) -> None:
    """Although its constructor changes: they do not call it."""
    text = f"from {LEGACY} import ThreadHistoryHandler\nx.{word}(ThreadHistoryHandler)\n"
    assert _after(text) == f"x.{word}(ThreadHistoryHandler)\n"


@pytest.mark.parametrize(
    "use",
    [
        "register(ThreadHistoryHandler)",
        "register(kind=ThreadHistoryHandler)",
        "register([ThreadHistoryHandler])",
        "KINDS = [ThreadHistoryHandler]",
        'KINDS = {"a": ThreadHistoryHandler}',
        "kind = ThreadHistoryHandler",
        "kind: type = ThreadHistoryHandler",
        "lambda: (yield) or [ThreadHistoryHandler]",
    ],
)
def test_who_may_construct_a_class_that_changes_is_named(use: str) -> None:
    """Its arguments are written elsewhere, where nobody can follow."""
    reason = "`ThreadHistoryHandler` is passed on as a class, and its constructor changes: construct it here."
    assert _told(f"from {LEGACY} import ThreadHistoryHandler\n\n{use}\n") == [(3, reason, True)]


@pytest.mark.parametrize(
    "use",
    [
        "isinstance(x, (ThreadHistoryHandler, int))",
        "Mock(spec=ThreadHistoryHandler)",
        "Mock(spec_set=ThreadHistoryHandler)",
        "kind: ThreadHistoryHandler = None",
        "kind: dict[str, tuple[ThreadHistoryHandler]] = {}",
        "assert ThreadHistoryHandler",
        "ThreadHistoryHandler.x",
    ],
)
def test_a_class_that_changes_may_be_named_where_nobody_constructs_it(use: str) -> None:
    """In annotations, as what a mock stands for, in a tuple for `isinstance`."""
    assert _after(f"from {LEGACY} import ThreadHistoryHandler\n{use}\n") == f"{use}\n"


@pytest.mark.parametrize(
    "word",
    [
        "assert_called", "assert_called_once", "assert_not_called", "assert_awaited", "assert_awaited_once",
        "assert_not_awaited", "called", "call_count", "await_count", "reset_mock", "side_effect",
        "return_value", "__name__", "__doc__", "__qualname__",
    ],
)  # fmt: skip
def test_what_does_not_depend_on_arguments_is_only_renamed(word: str) -> None:
    """Of a mock, or of the method itself."""
    text = f"from {LEGACY} import UserMessageHandler\nasync def f(h: UserMessageHandler):\n    x(h.handle.{word})\n"
    assert _after(text) == f"async def f(h: UserMessageHandler):\n    x(h.handle_message.{word})\n"


@pytest.mark.parametrize("word", ["iscoroutinefunction", "inspect.iscoroutinefunction", "callable", "getdoc"])
def test_who_only_asks_about_the_method_may_have_it(word: str) -> None:
    """It is not called."""
    text = f"from {LEGACY} import UserMessageHandler\n{word}(UserMessageHandler().handle)\n"
    assert _after(text) == f"{word}(UserMessageHandler().handle_message)\n"


_ASSERTED = (
    "assert_called_with", "assert_called_once_with", "assert_awaited_with", "assert_awaited_once_with",
    "assert_any_call", "assert_any_await",
)  # fmt: skip
_KEPT = (
    "assert_has_calls", "assert_has_awaits", "call_args", "call_args_list", "await_args", "await_args_list",
    "mock_calls", "method_calls",
)  # fmt: skip
_CALLED = (
    f"from {LEGACY} import StartAgentHandler\n"
    "async def test(websocket):\n"
    "    h = StartAgentHandler()\n"
    "    h.handle = it = AsyncMock()\n"
    '    await h.handle("u", {})\n'
)


@pytest.mark.parametrize("name", ["h.handle", "it"])
@pytest.mark.parametrize("word", _ASSERTED)
def test_an_assertion_gets_the_arguments_of_the_call(word: str, name: str) -> None:
    """By the mock's own name, too."""
    new = name.replace("handle", "handle_message")
    assert _after(_CALLED + f'    {name}.{word}("u", {{}})\n').endswith(
        f'    await h.handle_message("u", websocket, {_NEW})\n'
        f'    {new}.{word}("u", websocket, {_NEW})\n'
    )  # fmt: skip


@pytest.mark.parametrize("name", ["h.handle", "it"])
@pytest.mark.parametrize("word", [*_ASSERTED, *_KEPT])
def test_arguments_that_were_kept_are_refused(word: str, name: str) -> None:
    """What they are compared with is not known."""
    reason = f"`{name}.{word}` depends on the arguments of `handle`: name those of `handle_message` by hand."
    assert _told(_CALLED + f"    x = {name}.{word}\n") == [(6, reason, True)]


@pytest.mark.parametrize(
    "word",
    [
        "patch", "patch.object", "patch.multiple", "patch.dict", "monkeypatch.setattr", "monkeypatch.delattr",
        "monkeypatch.setitem", "monkeypatch.delitem", "importlib.import_module", "__import__", "find_spec",
        "pytest.importorskip", "import_string", "resolve_name", "reload", "logging.getLogger",
        "caplog.at_level", "caplog.set_level", "sys.modules.pop", "sys.modules.get", "locate",
        "import_from_string", "module_loading",
    ],
)  # fmt: skip
def test_who_acts_on_a_path_is_given_the_new_one(word: str) -> None:
    """The module is there under another name."""
    assert _after(f'import x\n{word}("{LEGACY}")\n') == f'{word}("{CANONICAL}")\n'


@pytest.mark.parametrize("word", ["print", "x.append", "getLoggers", "modules"])
def test_who_only_shows_a_path_keeps_it(word: str) -> None:
    """It may be about the past."""
    assert _after(f'import x\n{word}("{LEGACY}")\n') == f'{word}("{LEGACY}")\n'


@pytest.mark.parametrize("word", ["importlib.import_module", "__import__", "pytest.importorskip"])
def test_a_module_got_by_a_string_must_not_be_asked_for_what_is_renamed(word: str) -> None:
    """The name after the dot is in another place than the path."""
    reason = "`m` takes names from a module that code imports: import them by name."
    assert _told(f'm = {word}("{LEGACY}")\nm.StartAgentHandler\n') == [(2, reason, False)]


@pytest.mark.parametrize("word", ["patch.object", "mocker.spy", "setattr", "monkeypatch.delattr", "hasattr"])
def test_the_method_named_by_a_string_is_renamed(word: str) -> None:
    """On the class and on an instance."""
    text = f'from {LEGACY} import UserMessageHandler\n{word}(UserMessageHandler, "handle")\n'
    assert _after(text) == f'{word}(UserMessageHandler, "handle_message")\n'
    text = f'from {LEGACY} import UserMessageHandler\n{word}(UserMessageHandler(), "handle")\n'
    assert _after(text) == f'{word}(UserMessageHandler(), "handle_message")\n'


@pytest.mark.parametrize("word", ["patch.object", "setattr", "monkeypatch.delattr", "getattr", "hasattr"])
def test_a_symbol_named_by_a_string_is_renamed_with_its_module(word: str) -> None:
    """Both sides of the comma change."""
    text = f'from app.services.websocket import message_handler\n{word}(message_handler, "StartAgentHandler", 1)\n'
    assert _after(text) == f'{word}(handlers, "AgentHandler", 1)\n'


@pytest.mark.parametrize(
    "word", ["patch.object", "setattr", "monkeypatch.delattr", "getattr", "hasattr", "mocker.spy"]
)
def test_what_is_lost_is_refused_by_its_name_in_a_string(word: str) -> None:
    """The sentence says of which class, and what to do."""
    reason = (
        f'`{word}(UserMessageHandler, "old_text")` is of the legacy `UserMessageHandler`, and '
        f"`{CANONICAL}.UserMessageHandler` has no `old_text`: take the use out, or write it there first."
    )
    text = f'from {LEGACY} import UserMessageHandler\n{word}(UserMessageHandler, "old_text")\n'
    assert _told(text) == [(2, reason, True)]
    assert _after(text.replace("old_text", "new_text")) == f'{word}(UserMessageHandler, "new_text")\n'


@pytest.mark.parametrize(
    "word",
    ["assertIs", "assertIsNot", "assertEqual", "assertNotEqual", "issubclass", "assertIsSubclass"],
)
def test_both_sides_in_one_assertion_are_refused(word: str) -> None:
    """They become one thing."""
    head = f"from {LEGACY} import UserMessageHandler as Old\nfrom {CANONICAL} import UserMessageHandler\n"
    reason = "the legacy class is compared with the one that takes its place: say what is meant now."
    assert _told(f"{head}self.{word}(Old, UserMessageHandler)\n") == [(3, reason, False)]
    assert isinstance(_run(f"{head}self.{word}(Old, 1, UserMessageHandler)\n"), Rewritten)


@pytest.mark.parametrize("word", ["pytest.raises", "raises", "self.assertRaises"])
def test_a_test_expects_the_error_that_comes_now(word: str) -> None:
    """Around a call that is rewritten, and nowhere else."""
    text = (
        f"from {LEGACY} import StartAgentHandler\n"
        "async def test(self, websocket):\n"
        f"    with {word}(PermissionError):\n"
        '        await StartAgentHandler().handle("u", {})\n'
        f"    with {word}(PermissionError):\n"
        "        go()\n"
        f"    {word}()\n"
    )
    assert _after(text) == (
        "from app.errors import Forbidden\n"
        "async def test(self, websocket):\n"
        f"    with {word}(Forbidden):\n"
        f'        await AgentHandler().handle_message("u", websocket, {_NEW})\n'
        f"    with {word}(PermissionError):\n"
        "        go()\n"
        f"    {word}()\n"
    )


@pytest.mark.parametrize(
    "mock",
    ["Mock", "MagicMock", "AsyncMock", "NonCallableMock", "NonCallableMagicMock", "mock.create_autospec"],
)
@pytest.mark.parametrize(
    "given", ["StartAgentHandler", "spec=StartAgentHandler", "x=1, spec_set=StartAgentHandler()"]
)
def test_a_mock_stands_for_what_it_is_specified_by(mock: str, given: str) -> None:
    """So its method is the one that is renamed."""
    text = f"from {LEGACY} import StartAgentHandler\none = {mock}({given})\none.handle.assert_called()\n"
    assert _after(text).endswith("\none.handle_message.assert_called()\n")
    stays = f"from {LEGACY} import StartAgentHandler\none = {mock}(1, StartAgentHandler)\none.handle.assert_called()\n"
    assert _after(stays).endswith("\none.handle.assert_called()\n")


@pytest.mark.parametrize("name", ["ws", "socket", "mock_websocket", "mock_ws", "fake_websocket"])
def test_a_connection_is_known_by_its_name(name: str) -> None:
    """As a variable of the function."""
    text = (
        f"from {LEGACY} import StartAgentHandler\n"
        "async def go():\n"
        f"    {name} = make()\n"
        '    await StartAgentHandler().handle("u", {})\n'
    )
    assert _after(text).endswith(f'    await AgentHandler().handle_message("u", {name}, {_NEW})\n')


@pytest.mark.parametrize(
    ("name", "in_tests"),
    [
        ("self.websocket", False), ("self._websocket", False), ("self.ws", False),
        ("self.mock_websocket", True), ("self.mock_ws", True),
    ],
)  # fmt: skip
def test_a_connection_is_known_as_an_attribute_that_is_set_in_the_class(name: str, in_tests: bool) -> None:
    """Mocks of one count in tests only; an attribute that another class sets counts nowhere."""
    text = (
        f"from {LEGACY} import StartAgentHandler\n"
        "class A:\n"
        "    def setup(self):\n"
        f"        {name} = make()\n\n"
        "    async def go(self):\n"
        '        await StartAgentHandler().handle("u", {})\n'
    )
    new = f'        await AgentHandler().handle_message("u", {name}, {_NEW})\n'
    assert _after(text, path="tests/test_user.py").endswith(new)
    if not in_tests:
        assert _after(text).endswith(new)
    reason = (
        "`StartAgentHandler().handle` is called where a `websocket` is not at hand: pass it on to here first."
    )
    if in_tests:
        assert _told(text) == [(7, reason, True)]
    apart = text.replace("    async def go", "class B:\n    async def go")
    assert _told(apart) == [(8, reason, True)]


@pytest.mark.parametrize(
    "word", ["debug", "info", "warning", "warn", "error", "exception", "critical", "log"]
)
@pytest.mark.parametrize("log", ["logger", "self.log", "self._logger", "logging"])
def test_a_handler_that_only_logs_is_refused(word: str, log: str) -> None:
    """It would answer that all is well."""
    body = f'class H:\n    async def handle(self, user_id, payload):\n        {log}.{word}("x")\n'
    reason = "`handle` does nothing but log: give it its work, or delete the class."
    assert _told(body) == [(2, reason, False)]
    answer = word not in ("error", "exception", "critical")
    assert _after(body.replace(f"{log}.", "self.dialog.")).endswith(f"        return {answer}\n")


@pytest.mark.parametrize(
    "statement",
    ["pass", "return", "return None", "return True", "return False", '"x"', "1", "print(user_id)"],
)
def test_a_handler_that_does_nothing_is_refused(statement: str) -> None:
    """As one that only logs."""
    body = f"class H:\n    async def handle(self, user_id, payload):\n        {statement}\n"
    reason = "`handle` does nothing but log: give it its work, or delete the class."
    assert _told(body) == [(2, reason, False)]


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        *(
            (f"self.{word}(user_id)", False)
            for word in ("send_error", "fail", "on_exception", "critical", "reject")
        ),
        ("logger.warning('x')", False),
        ("logger.warn('x')", False),
        ("self.send(user_id)", True),
        ("logger.info('x')", True),
        *((f"self.send({{'{key}': 'an Error'}})", False) for key in ("type", "event", "status")),
        ("self.send({'text': 'error'})", True),
        ("self.send({'type': 'answer'})", True),
        ("self.send({'type': kind})", True),
        ("self.send({**rest, 'type': 'error'})", False),
        ("logger.info({'type': 'error'})", True),
        ("self.log({'type': 'error'})", True),
        ("self.queue[0].send_error()", False),
        ("error = 1", True),
    ],
)
def test_a_return_after_a_report_answers_that_it_failed(report: str, answer: bool) -> None:
    """What counts as a report is its name, or a message of an error's type."""
    before = (
        "class H:\n    async def handle(self, user_id, payload):\n"
        f"        if payload:\n            {report}\n            return\n        self.put(payload)\n"
    )
    assert _after(before).endswith(
        f"            {report}\n            return {answer}\n        self.put(payload)\n        return True\n"
    )
