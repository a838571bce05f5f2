import io

from netra_migrate.report.progress import progress


def test_a_log_gets_a_line_every_five_seconds() -> None:
    """Whatever is told more often is dropped; names are spelled."""
    now = [0.0]
    stream = io.StringIO()
    with progress("Scanning", stream=stream, clock=lambda: now[0]) as tell:
        for second in range(12):
            now[0] = float(second)
            tell(second, 11, "a\x1b.py" if second < 7 else "")
    assert stream.getvalue() == "Scanning: 5 of 11, a\\x1b.py\nScanning: 10 of 11\n"


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_terminal_gets_a_bar_with_counts() -> None:
    """Names cannot command the terminal."""
    stream = Terminal()
    with progress("Scanning", stream=stream) as tell:
        tell(3, 10, "[red]x\x1b]0;title\x07")
    assert "3/10" in stream.getvalue()
    assert "\x1b]0;" not in stream.getvalue()
    assert "[red]x\\x1b]0;title\\x07" in stream.getvalue()
