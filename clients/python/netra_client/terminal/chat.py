"""The chat of `netra chat`: reads lines, sends messages, obeys commands and Ctrl-C.

Closing it never stops a run; `/stop` and the first Ctrl-C do.
"""

import asyncio
import sys
from typing import TextIO

from rich.console import Console

from netra_client.client import NetraClient
from netra_client.errors import NetraError, ResyncRequired, ServerError
from netra_client.ids import RunId, ThreadId
from netra_client.link import Options
from netra_client.messages import Accepted, AgentCompleted
from netra_client.payloads import ThreadSummary
from netra_client.runs import events_of_run
from netra_client.subscription import ConnectionChanged, Subscription
from netra_client.terminal.answer import Answer
from netra_client.terminal.lines import Lines
from netra_client.terminal.screen import Screen
from netra_client.terminal.tasks import end, on_interrupt

OK, FAILED = 0, 1
# What shells report for a program that ended at Ctrl-C: 128 + SIGINT.
LEFT_RUNNING = 130
# Twelve a second looks like movement and costs next to nothing.
FRAME_S = 1 / 12

HELP = (
    "/new              begin a new thread\n"
    "/threads          list your threads\n"
    "/open N           go to thread N of that list\n"
    "/history          print this thread\n"
    "/stop             stop the running answer (also Ctrl-C)\n"
    "/help             print this\n"
    "/quit             leave (also Ctrl-C at the prompt, or Ctrl-D)"
)


async def chat(
    url: str,
    *,
    email: str | None = None,
    password: str | None = None,
    token: str | None = None,
    thread_id: str | None = None,
    console: Console | None = None,
    stdin: TextIO | None = None,
    options: Options | None = None,
) -> int:
    """Chat until the input ends, `/quit` or Ctrl-C; return the exit code.

    From a pipe every line is a message or a command, in turn, and only answers are printed.

    Returns:
        0; 1 when there is no connection or, with input from a pipe, when a message got no answer; 130 when
        left by a second Ctrl-C while a run was going on.
    """
    source = stdin or sys.stdin
    interactive = source.isatty()
    screen = Screen(console or Console(), errors=Console(stderr=True), interactive=interactive)
    try:
        client = NetraClient(url, email=email, password=password, token=token, options=options)
    except ValueError as error:
        screen.error(str(error))
        return FAILED
    try:
        async with client:
            thread = None if thread_id is None else ThreadId(thread_id)
            return await Chat(client, screen, thread_id=thread, interactive=interactive).talk(source)
    except NetraError as error:
        screen.error(str(error))
        return FAILED


class Chat:
    """One person talking in one thread at a time."""

    def __init__(
        self, client: NetraClient, screen: Screen, *, thread_id: ThreadId | None, interactive: bool
    ) -> None:
        self._client = client
        self._screen = screen
        self._thread = thread_id
        self._interactive = interactive
        self._listed: list[ThreadSummary] = []
        self._busy = False
        self._run: RunId | None = None
        self._stop_wanted = False
        self._stopping: asyncio.Task[None] | None = None
        self._body: asyncio.Task[None] | None = None
        self._failed = False
        self._left_running = False

    async def talk(self, source: TextIO) -> int:
        """Talk until the end; return the exit code."""
        lines = Lines(source, at_once=self._at_once)
        body = self._body = asyncio.create_task(self._converse(lines), name="netra-chat")
        watch = asyncio.create_task(self._watch(self._client.events()), name="netra-chat-watch")
        with on_interrupt(self._interrupt):
            try:
                lines.start()
                await asyncio.wait({body, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(body, watch, self._stopping)
                await lines.close()
        for task in (body, watch):
            if not task.cancelled():
                task.result()
        if self._left_running:
            return LEFT_RUNNING
        return FAILED if self._failed and not self._interactive else OK

    async def _converse(self, lines: Lines) -> None:
        if self._thread is not None:
            await self._guarded("/history")
        self._screen.prompt()
        while (line := await lines.next()) is not None:
            self._screen.entered()
            if line.strip() == "/quit":
                return
            if line.strip():
                await self._guarded(line.strip())
            self._screen.prompt()

    async def _guarded(self, line: str) -> None:
        try:
            await (self._command(line) if line.startswith("/") else self._ask(line))
        except ServerError as error:
            self._fail(str(error))

    async def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        match name:
            case "/new":
                self._thread = None
                self._screen.note("A new thread begins with your next message.")
            case "/threads":
                await self._list_threads()
            case "/open":
                await self._open(argument.strip())
            case "/history":
                await self._history()
            case "/stop":
                self._screen.note("No answer is being written.")
            case "/help":
                self._screen.note(HELP)
            case _:
                self._fail(f"There is no command {name}; /help lists them.")

    async def _list_threads(self) -> None:
        self._listed = (await self._client.threads()).threads
        if self._listed:
            self._screen.threads(self._listed)
        else:
            self._screen.note("There are no threads yet.")

    async def _open(self, number: str) -> None:
        if not self._listed:
            self._listed = (await self._client.threads()).threads
        if not (number.isdecimal() and 1 <= int(number) <= len(self._listed)):
            self._fail("Give the number of a thread from /threads, as in /open 1.")
            return
        self._thread = self._listed[int(number) - 1].id
        await self._history()

    async def _history(self) -> None:
        if self._thread is None:
            self._screen.note("This thread has no messages yet.")
            return
        page = await self._client.history(self._thread)
        if page.has_more:
            self._screen.note("Earlier messages are left out.")
        self._screen.messages(page.messages)

    async def _ask(self, text: str) -> None:
        self._busy = True
        try:
            with self._client.events() as events:
                accepted = await self._client.send(text, thread_id=self._thread)
                self._thread, self._run = accepted.thread_id, accepted.run_id
                if accepted.payload.queue_position:
                    self._screen.note(f"Queued at place {accepted.payload.queue_position}.")
                if self._stop_wanted:
                    self._begin_stop(accepted.run_id)
                await self._show(accepted, events)
        finally:
            self._busy, self._run, self._stop_wanted = False, None, False

    async def _show(self, accepted: Accepted, events: Subscription) -> None:
        try:
            with self._screen.answer() as answer:
                drawing = asyncio.create_task(_draw(answer), name="netra-chat-draw")
                try:
                    async for event in events_of_run(accepted, events):
                        answer.show(event)
                        if isinstance(event, AgentCompleted):
                            self._note_ending(event)
                finally:
                    await end(drawing)
        except ResyncRequired as error:
            self._screen.note(str(error), style="yellow")
            await self._recover(accepted)

    def _note_ending(self, event: AgentCompleted) -> None:
        if event.payload.status == "completed":
            return
        self._failed = True
        if not self._interactive:
            error = event.payload.error
            why = "" if error is None else f" {error.message or error.code}"
            self._screen.error(f"The run ended as {event.payload.status}.{why}")

    async def _recover(self, accepted: Accepted) -> None:
        """Print the answer from history; a run that still goes on is left to `/history`."""
        page = await self._client.history(accepted.thread_id)
        answers = [m for m in page.messages if m.role == "assistant" and m.run_id == accepted.run_id]
        if answers:
            self._screen.messages(answers)
        else:
            self._fail("The answer is not complete yet; /history prints it later.")

    def _at_once(self, line: str) -> bool:
        """Obey what cannot wait for the running answer; from a pipe every line waits its turn."""
        if not (self._interactive and self._busy):
            return False
        if line == "/stop":
            self._want_stop()
        elif line == "/quit":
            self._leave()
        else:
            return False
        return True

    def _interrupt(self) -> None:
        if self._busy and not self._stop_wanted:
            self._want_stop()
        else:
            self._leave()

    def _want_stop(self) -> None:
        self._screen.note("Stopping; Ctrl-C again leaves.", style="yellow")
        already, self._stop_wanted = self._stop_wanted, True
        # A message that is not accepted yet has no run to stop; `_ask` stops it as soon as it has.
        if self._run is not None and not already:
            self._begin_stop(self._run)

    def _begin_stop(self, run_id: RunId) -> None:
        self._stopping = asyncio.create_task(self._stop(run_id), name="netra-chat-stop")

    async def _stop(self, run_id: RunId) -> None:
        try:
            await self._client.stop(run_id)
        except NetraError as error:
            self._fail(f"The run could not be stopped: {error}")

    def _leave(self) -> None:
        self._left_running = self._busy
        if self._body is not None:
            self._body.cancel()

    async def _watch(self, events: Subscription) -> None:
        """Show the connection; ends, with the error, when the client gives up."""
        async for event in events:
            if isinstance(event, ConnectionChanged):
                self._screen.connection(event)

    def _fail(self, text: str) -> None:
        self._failed = True
        self._screen.error(text)


async def _draw(answer: Answer) -> None:
    while True:
        answer.refresh()
        await asyncio.sleep(FRAME_S)
