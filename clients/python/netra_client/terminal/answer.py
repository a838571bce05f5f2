"""One run on the screen: thinking dimmed, a card a tool call, the answer as markdown while it is written.

Finished blocks are printed once and scroll away; only the unfinished tail is redrawn. A live region taller
than the window could not be redrawn at all.
"""

from typing import Any, Protocol, Self, assert_never

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.panel import Panel
from rich.spinner import Spinner
from rich.text import Text

from netra_client.ids import ToolCallId
from netra_client.messages import (
    AgentCompleted,
    AgentStarted,
    AgentThinking,
    MessageDelta,
    MessageSnapshot,
    ToolCompleted,
    ToolExecuting,
)
from netra_client.payloads import AgentCompletedPayload, ToolCompletedPayload, ToolExecutingPayload
from netra_client.runs import RunEvent
from netra_client.terminal.text import as_text, clean, settled

# Long enough to recognise a call by, short enough for a card to stay a card.
ARGUMENTS_SHOWN = 400
RESULT_SHOWN = 1200

_TOOL_STYLES = {"ok": "green", "error": "red", "cancelled": "yellow", "unknown": "yellow"}


class Answer(Protocol):
    """Shows the events of one run."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def show(self, event: RunEvent) -> None:
        """Show one event."""

    def refresh(self) -> None:
        """Draw what is moving; called several times a second."""


class PlainAnswer:
    """For a pipe or a file: the answer's text, once, when the run ends; nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def refresh(self) -> None:
        """Nothing moves in a file."""

    def show(self, event: RunEvent) -> None:
        """Collect text; print at the end."""
        if isinstance(event, AgentStarted):
            self._text = ""
        elif isinstance(event, MessageDelta):
            self._text += event.payload.text
        elif isinstance(event, MessageSnapshot):
            self._text = event.payload.text
        elif isinstance(event, AgentCompleted):
            message = event.payload.message
            text = message.content if message is not None else self._text
            if text:
                self._console.print(Text(clean(text)), soft_wrap=True)


class RichAnswer:
    """For a person at a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""
        self._printed = 0
        self._calls: dict[ToolCallId, ToolExecutingPayload] = {}
        self._spinner = Spinner("dots", style="dim")
        # Drawn from the event loop: a drawing thread would race with the prompt and the notes.
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        self._redraw()
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._live.stop()

    def refresh(self) -> None:
        """Draw the unfinished tail, the open calls and the spinner."""
        self._live.refresh()

    def show(self, event: RunEvent) -> None:
        """Show one event."""
        match event:
            case AgentStarted():
                self._started(event.payload.attempt)
            case AgentThinking():
                self._above(Text(clean(event.payload.text), style="dim italic"))
            case ToolExecuting():
                self._calls[event.payload.tool_call_id] = event.payload
                self._flush()
            case ToolCompleted():
                call = self._calls.pop(event.payload.tool_call_id, None)
                self._above(_card(event.payload, call.arguments if call is not None else None))
            case MessageDelta():
                self._write(self._text + clean(event.payload.text))
            case MessageSnapshot():
                self._write(clean(event.payload.text))
            case AgentCompleted():
                self._completed(event.payload)
            case _ as unreachable:
                assert_never(unreachable)
        self._redraw()

    def _started(self, attempt: int) -> None:
        if attempt > 1:
            self._above(Text(f"Trying again (attempt {attempt}).", style="yellow"))
            self._text, self._printed = "", 0

    def _completed(self, payload: AgentCompletedPayload) -> None:
        if payload.message is not None:
            self._write(clean(payload.message.content))
        self._calls.clear()
        self._above(_ending(payload))

    def _write(self, text: str) -> None:
        if not text.startswith(self._text[: self._printed]):
            self._console.print(Text("The answer was written anew:", style="yellow"))
            self._printed = 0
        self._text = text
        end = self._printed + settled(text[self._printed :])
        self._print_up_to(end)

    def _above(self, renderable: RenderableType) -> None:
        self._flush()
        self._console.print(renderable)

    def _flush(self) -> None:
        self._print_up_to(len(self._text))

    def _print_up_to(self, end: int) -> None:
        if (block := self._text[self._printed : end]).strip():
            self._console.print(_markdown(block))
            self._console.print()
        self._printed = max(self._printed, end)

    def _redraw(self) -> None:
        rows: list[RenderableType] = []
        if tail := self._text[self._printed :]:
            rows.append(_markdown(tail))
        rows += [_running(call) for call in self._calls.values()]
        self._live.update(Group(*rows, self._spinner))


def _markdown(text: str) -> Markdown:
    # Addresses are printed, not hidden behind a link's text: the text may lie about where it goes.
    return Markdown(text, hyperlinks=False)


def _running(call: ToolExecutingPayload) -> Text:
    return Text(f"⚙ {clean(call.tool)}  {as_text(call.arguments, limit=ARGUMENTS_SHOWN)}", style="cyan")


def _card(done: ToolCompletedPayload, arguments: Any) -> Panel:
    style = _TOOL_STYLES[done.status]
    outcome = done.error if done.error is not None else done.result
    body = Text()
    if arguments is not None:
        body.append(as_text(arguments, limit=ARGUMENTS_SHOWN), style="dim")
    if outcome is not None:
        body.append("\n" if body else "").append(as_text(outcome, limit=RESULT_SHOWN))
    title = Text.assemble((clean(done.tool), "bold"), "  ", (done.status, style))
    subtitle = None if done.duration_ms is None else Text(duration(done.duration_ms), style="dim")
    return Panel(
        body, title=title, title_align="left", subtitle=subtitle, subtitle_align="right", border_style=style
    )


def _ending(payload: AgentCompletedPayload) -> Text:
    took = "" if payload.duration_ms is None else f" in {duration(payload.duration_ms)}"
    if payload.status == "completed":
        return Text(f"Done{took}.", style="dim")
    why = "" if payload.error is None else f": {clean(payload.error.message or payload.error.code)}"
    style = "yellow" if payload.status == "stopped" else "red"
    return Text(f"{payload.status.replace('_', ' ').capitalize()}{took}{why}.", style=style)


def duration(milliseconds: float) -> str:
    """Return a duration for people: `840 ms`, `3.2 s`."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
