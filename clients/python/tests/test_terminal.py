"""The terminal chat on real pipes, a real socket and real Ctrl-C."""

import asyncio
import io
import os
import pty
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
from netra_client import Options
from netra_client.terminal import chat
from netra_client.terminal.chat import HELP
from netra_client.terminal.text import as_text, clean, settled
from netra_client.testing import PATIENCE_S, Peer, ScriptedServer
from rich.console import Console

ANSWER = {"id": "a", "role": "assistant", "content": "**4**", "created_at": "now", "run_id": "r"}


class Window(io.StringIO):
    """What was printed, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def write(self, text: str) -> int:
        """Take text and wake who waits for it."""
        self._changed.set()
        return super().write(text)

    async def shows(self, text: str) -> None:
        """Wait until `text` was printed."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.getvalue():
                self._changed.clear()
                await self._changed.wait()


class Terminal:
    """A chat on a pseudo terminal: what is typed, what is seen."""

    def __init__(self, master: int, window: Window) -> None:
        self.window = window
        self._master = master

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> None:
        """Press Ctrl-D."""
        os.write(self._master, b"\x04")


def ctrl_c() -> None:
    """Send SIGINT to this process, as a terminal does."""
    os.kill(os.getpid(), signal.SIGINT)


@asynccontextmanager
async def terminal(
    server: ScriptedServer, options: Options, **given: Any
) -> AsyncIterator[tuple[Terminal, Peer, "asyncio.Task[int]"]]:
    """Run a chat for a person; it must have ended when the block ends."""
    master, slave = pty.openpty()
    window = Window()
    console = Console(file=window, force_terminal=True, width=80, color_system=None)
    with os.fdopen(slave, "r") as stdin:
        task = asyncio.create_task(
            chat(server.url, token="jwt", console=console, stdin=stdin, options=options, **given)
        )
        try:
            yield Terminal(master, window), await server.accept(), task
            async with asyncio.timeout(PATIENCE_S):
                await task
        finally:
            task.cancel()
            await asyncio.wait({task})
            os.close(master)


async def answer(peer: Peer, *, seq: int = 1, status: str = "completed", **payload: Any) -> None:
    """Answer one message with a whole run."""
    await peer.accept(await peer.receive("user_message"))
    await peer.event(seq, "agent_started", agent="demo", attempt=1, message_id="a")
    await peer.event(seq + 1, "agent_completed", status=status, attempts=1, duration_ms=1234, **payload)


async def piped(
    server: ScriptedServer, options: Options, text: str, act: Callable[[Peer], Awaitable[None]]
) -> tuple[int, str]:
    """Run a chat with `text` on a pipe and its output in a file; return the exit code and the output."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    output = io.StringIO()
    with os.fdopen(reader, "r") as stdin:
        task = asyncio.create_task(
            chat(server.url, token="jwt", console=Console(file=output), stdin=stdin, options=options)
        )
        await act(await server.accept())
        async with asyncio.timeout(PATIENCE_S):
            code = await task
    return code, output.getvalue()


async def test_a_pipe_prints_the_answer_alone_and_exits_0(server: ScriptedServer, options: Options) -> None:
    """A pipe prints the answer alone and exits 0."""

    async def act(peer: Peer) -> None:
        await answer(peer, message=ANSWER)

    assert await piped(server, options, "What is 2+2?\n", act) == (0, "**4**\n")


async def test_lines_of_a_pipe_wait_their_turn(server: ScriptedServer, options: Options) -> None:
    """`/quit` after a question must not cut off its answer; a last line needs no end."""

    async def act(peer: Peer) -> None:
        await answer(peer, message=ANSWER)
        await answer(peer, seq=3, message={**ANSWER, "content": "5"})

    assert await piped(server, options, "2+2?\r\n\n2+3?\n/quit", act) == (0, "**4**\n5\n")


async def test_a_run_that_fails_is_said_on_standard_error(
    server: ScriptedServer, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that fails is said on standard error."""

    async def act(peer: Peer) -> None:
        await answer(peer, status="failed", error={"code": "internal", "message": "no model"})

    assert await piped(server, options, "hi\n", act) == (1, "")
    assert "no model" in capsys.readouterr().err


async def test_a_refused_message_is_said_and_the_chat_goes_on(
    server: ScriptedServer, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused message is said and the chat goes on."""

    async def act(peer: Peer) -> None:
        frame = await peer.receive("user_message")
        await peer.send(
            "error", {"code": "busy", "message": "later", "retryable": True}, reply_to=frame["id"]
        )
        await answer(peer, message=ANSWER)

    assert await piped(server, options, "one\ntwo\n", act) == (1, "**4**\n")
    assert "busy: later" in capsys.readouterr().err


async def test_an_ordinary_file_is_read_too(server: ScriptedServer, options: Options, tmp_path: Path) -> None:
    """The event loop cannot wait for a file, so it takes another way in."""
    source = tmp_path / "questions"
    source.write_text("2+2?\n")
    output = io.StringIO()
    with source.open() as stdin:
        task = asyncio.create_task(
            chat(server.url, token="jwt", console=Console(file=output), stdin=stdin, options=options)
        )
        await answer(await server.accept(), message=ANSWER)

        assert (await task, output.getvalue()) == (0, "**4**\n")


async def test_a_person_sees_thinking_tools_text_and_the_end(
    server: ScriptedServer, options: Options
) -> None:
    """A person sees thinking tools text and the end."""
    async with terminal(server, options) as (person, peer, task):
        person.type("2+2?")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_started", agent="demo", attempt=1, message_id="a")
        await peer.event(2, "agent_thinking", text="Let me add.")
        await peer.event(3, "tool_executing", tool_call_id="c", tool="calculator", arguments={"e": "2+2"})
        await person.window.shows("calculator")
        await peer.event(
            4, "tool_completed", tool_call_id="c", tool="calculator", status="ok", result=4, duration_ms=2100
        )
        await peer.send(
            "message_delta", {"message_id": "a", "offset": 0, "text": "First.\n\nSec"}, thread_id="t"
        )
        await person.window.shows("Sec")
        await peer.event(
            5,
            "agent_completed",
            status="completed",
            attempts=1,
            duration_ms=12,
            message={**ANSWER, "content": "First.\n\nSecond."},
        )
        await person.window.shows("Done in 12 ms.")
        person.end()

    seen = person.window.getvalue()
    assert task.result() == 0
    for part in ("Let me add.", '{"e": "2+2"}', "ok", "2.1 s", "First.", "Second."):
        assert part in seen
    assert seen.index("Let me add.") < seen.index("2.1 s") < seen.index("Second.")


async def test_ctrl_c_stops_the_run_and_then_leaves(server: ScriptedServer, options: Options) -> None:
    """Ctrl c stops the run and then leaves."""
    async with terminal(server, options) as (person, peer, task):
        person.type("long")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_started", agent="demo", attempt=1, message_id="a")
        await peer.event(2, "agent_thinking", text="Thinking.")
        await person.window.shows("Thinking.")
        ctrl_c()
        frame = await peer.receive("stop_agent")
        assert frame["payload"] == {"run_id": "r"}
        await peer.accept(frame)
        await peer.event(3, "agent_completed", status="stopped", attempts=1, duration_ms=5)
        await person.window.shows("Stopped in 5 ms.")
        ctrl_c()

    assert task.result() == 0


async def test_a_second_ctrl_c_leaves_a_run_that_does_not_stop(
    server: ScriptedServer, options: Options
) -> None:
    """A second ctrl c leaves a run that does not stop."""
    async with terminal(server, options) as (person, peer, task):
        person.type("long")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_thinking", text="Thinking.")
        await person.window.shows("Thinking.")
        ctrl_c()
        await peer.receive("stop_agent")
        ctrl_c()

    assert task.result() == 130


async def test_ctrl_c_before_the_message_is_accepted_stops_its_run(
    server: ScriptedServer, options: Options
) -> None:
    """Ctrl c before the message is accepted stops its run."""
    async with terminal(server, options) as (person, peer, _):
        person.type("long")
        frame = await peer.receive("user_message")
        ctrl_c()
        await person.window.shows("Stopping")
        await peer.accept(frame)
        await peer.receive("stop_agent")
        person.type("/quit")


async def test_stop_typed_during_a_run_is_obeyed_at_once(server: ScriptedServer, options: Options) -> None:
    """Stop typed during a run is obeyed at once."""
    async with terminal(server, options) as (person, peer, _):
        person.type("long")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_thinking", text="Thinking.")
        await person.window.shows("Thinking.")
        person.type("/stop")
        await peer.receive("stop_agent")
        person.type("/quit")


async def test_threads_are_listed_opened_and_continued(server: ScriptedServer, options: Options) -> None:
    """Threads are listed opened and continued."""
    async with terminal(server, options) as (person, peer, _):
        person.type("/threads")
        frame = await peer.receive("list_threads")
        threads = [{"id": "x", "title": "Older"}, {"id": "y", "title": "Newer"}]
        await peer.send("threads", {"threads": threads, "has_more": False}, reply_to=frame["id"])
        await person.window.shows("2  Newer")
        person.type("/open 3")
        await person.window.shows("/open 1.")
        person.type("/open 2")
        frame = await peer.receive("get_thread_history")
        assert frame["thread_id"] == "y"
        await peer.send("thread_history", {"messages": [ANSWER], "has_more": True}, reply_to=frame["id"])
        await person.window.shows("Earlier messages are left out.")
        person.type("go on")
        assert (await peer.receive("user_message"))["thread_id"] == "y"
        person.type("/quit")


async def test_new_help_stop_history_and_nonsense(server: ScriptedServer, options: Options) -> None:
    """New help stop history and nonsense."""
    async with terminal(server, options, thread_id="t0") as (person, peer, task):
        frame = await peer.receive("get_thread_history")
        assert frame["thread_id"] == "t0"
        await peer.send("thread_history", {"messages": [], "has_more": False}, reply_to=frame["id"])
        for line, shown in (
            ("/new", "A new thread"),
            ("/history", "no messages yet"),
            ("/stop", "No answer is being written."),
            ("/dance", "no command /dance"),
            ("/help", HELP.splitlines()[0]),
        ):
            person.type(line)
            await person.window.shows(shown)
        person.type("hi")
        assert "thread_id" not in await peer.receive("user_message")
        person.type("/quit")

    assert task.result() == 130


async def test_the_connection_is_shown_and_the_answer_survives(
    server: ScriptedServer, options: Options
) -> None:
    """The connection is shown and the answer survives."""
    async with terminal(server, options) as (person, peer, task):
        person.type("hi")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_started", agent="demo", attempt=1, message_id="a")
        await peer.close(1012, "drain")
        peer = await server.accept()
        assert (await peer.receive("resume"))["payload"]["after"] in (0, 1)
        assert (await peer.receive("follow"))["thread_id"] == "t"
        await peer.event(1, "agent_started", agent="demo", attempt=1, message_id="a")
        await peer.event(2, "agent_completed", status="completed", attempts=1, duration_ms=1, message=ANSWER)
        await person.window.shows("Done")
        person.end()

    assert task.result() == 0
    assert "Connection lost (drain); next attempt in 0.5 s." in person.window.getvalue()
    assert "Connected again." in person.window.getvalue()


async def test_after_a_resync_the_answer_comes_from_history(server: ScriptedServer, options: Options) -> None:
    """After a resync the answer comes from history."""
    async with terminal(server, options) as (person, peer, task):
        person.type("hi")
        await peer.accept(await peer.receive("user_message"))
        await peer.send("resync", {"reason": "epoch", "head": 9})
        frame = await peer.receive("get_thread_history")
        await peer.send("thread_history", {"messages": [ANSWER], "has_more": False}, reply_to=frame["id"])
        await person.window.shows("agent")
        person.end()

    assert task.result() == 0


async def test_a_server_that_refuses_for_good_ends_the_chat(server: ScriptedServer, options: Options) -> None:
    """A server that refuses for good ends the chat."""
    async with terminal(server, options) as (person, peer, task):
        await peer.close(4513, "forbidden")

    assert task.result() == 1
    assert "4513" in person.window.getvalue()


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1"])
async def test_no_server_is_one_sentence_and_exit_1(
    url: str, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server is one sentence and exit 1."""
    stdin: TextIO = io.StringIO("hi\n")

    code = await chat(url, token="t", stdin=stdin, console=Console(file=io.StringIO()), options=options)

    assert code == 1
    assert capsys.readouterr().err.count("\n") == 1


async def test_escape_sequences_of_a_model_do_not_reach_the_terminal(
    server: ScriptedServer, options: Options
) -> None:
    """The window's title, the clipboard and what was printed before belong to the person."""
    evil = "\x1b]0;owned\x07\x9b2J\u202eabc"
    async with terminal(server, options) as (person, peer, _):
        person.type("hi")
        await peer.accept(await peer.receive("user_message"))
        await peer.event(1, "agent_thinking", text=evil)
        await peer.event(2, "tool_executing", tool_call_id="c", tool=evil, arguments={"a": evil})
        await peer.event(
            3, "tool_completed", tool_call_id="c", tool=evil, status="error", error=evil, duration_ms=1
        )
        await peer.event(
            4,
            "agent_completed",
            status="failed",
            attempts=1,
            duration_ms=1,
            message={**ANSWER, "content": evil},
            error={"code": "x", "message": evil},
        )
        await person.window.shows("Failed")
        person.end()

    seen = person.window.getvalue()
    assert "owned" in seen
    assert not any(bad in seen for bad in ("\x1b]", "\x07", "\x9b", "\u202e"))


@pytest.mark.parametrize(
    ("text", "front"),
    [
        ("", ""),
        ("one line", ""),
        ("a\n\nb", "a\n\n"),
        ("a\n\n```\nx\n\ny", "a\n\n"),
        ("```\nx\n\ny\n```\n\nz", "```\nx\n\ny\n```\n\n"),
        ("~~~\n```\n\n~~~\n\n", "~~~\n```\n\n~~~\n\n"),
    ],
)
def test_markdown_is_cut_between_blocks_and_never_in_a_fence(text: str, front: str) -> None:
    """Markdown is cut between blocks and never in a fence."""
    assert text[: settled(text)] == front


def test_values_are_shown_short_and_clean() -> None:
    """Values are shown short and clean."""
    assert as_text({"a": "é"}, limit=50) == '{"a": "é"}'
    assert as_text("x" * 9, limit=4) == "xxx…"
    assert clean("a\tb\nc\x00\x1b[31m") == "a\tb\nc[31m"
