"""What stands on the screen beside answers: prompt, notes, threads, history, the state of the connection.

Where output is not a terminal only answers go to it; notes and errors go to standard error.
"""

from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from netra_client.payloads import Message, ThreadSummary
from netra_client.subscription import ConnectionChanged
from netra_client.terminal.answer import Answer, PlainAnswer, RichAnswer
from netra_client.terminal.text import clean

PROMPT = "> "


class Screen:
    """Prints. `interactive` says that a person types, so that a prompt makes sense."""

    def __init__(self, console: Console, *, errors: Console, interactive: bool) -> None:
        self._console = console
        self._notes = console if console.is_terminal else errors
        self._interactive = interactive
        self._at_prompt = False

    def answer(self) -> Answer:
        """Return what shows one run."""
        return RichAnswer(self._console) if self._console.is_terminal else PlainAnswer(self._console)

    def prompt(self) -> None:
        """Ask for a line."""
        if self._interactive:
            self._console.print(Text(PROMPT, style="bold cyan"), end="")
            self._at_prompt = True

    def entered(self) -> None:
        """Take note that the cursor is on a new line: a line was entered."""
        self._at_prompt = False

    def note(self, text: str, *, style: str = "dim") -> None:
        """Print a line that is not part of an answer; a prompt that it breaks is printed again."""
        again, self._at_prompt = self._at_prompt, False
        if again:
            self._console.print()
        self._notes.print(Text(clean(text), style=style))
        if again:
            self.prompt()

    def error(self, text: str) -> None:
        """Print what went wrong."""
        self.note(text, style="red")

    def connection(self, change: ConnectionChanged) -> None:
        """Say that the connection is lost or back."""
        if change.state == "open":
            self.note("Connected again.", style="green")
        else:
            self.note(
                f"Connection lost ({change.reason or change.code}); next attempt in {change.retry_in_s or 0:.1f} s.",
                style="yellow",
            )

    def messages(self, messages: Sequence[Message]) -> None:
        """Print a thread."""
        for message in messages:
            who, style = ("you", "bold cyan") if message.role == "user" else ("agent", "bold green")
            self._console.print(Text(who, style=style))
            self._console.print(Markdown(clean(message.content), hyperlinks=False))
            self._console.print()

    def threads(self, threads: Sequence[ThreadSummary]) -> None:
        """Print numbered threads, for `/open N`."""
        for number, thread in enumerate(threads, start=1):
            title = clean(thread.title or "") or str(thread.id)
            self._console.print(Text.assemble((f"{number:>3}  ", "bold"), title))
