"""The `netra` program as a real process: started, listened to, stopped. Holds no test."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Self

NETRA = Path(sys.executable).with_name("netra")

START_S = 60.0
"""Seconds until a start that does not come fails the test; never a pause."""
STOP_S = 30.0
"""Seconds for a stop: a drain gives sockets two and runs what `NETRA_DRAIN_S` says."""


class Lines:
    """The lines of a process's output, as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """All of it so far."""
        with self._more:
            return "".join(self._lines)

    def wait(self, wanted: Callable[[str], Any], *, seconds: float) -> Any:
        """What `wanted` makes of the first line for which that is true.

        Raises:
            AssertionError: the output ended, or the time.
        """
        seen = 0
        found: Any = None

        def look() -> bool:
            nonlocal seen, found
            while seen < len(self._lines) and not found:
                found = wanted(self._lines[seen])
                seen += 1
            return bool(found) or self._ended

        with self._more:
            self._more.wait_for(look, timeout=seconds)
        assert found, f"The line did not come. There was:\n{self.text[-4000:]}"
        return found

    def end(self) -> None:
        """Wait until everything is read; the process has ended."""
        self._reader.join(timeout=STOP_S)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        stream.close()
        with self._more:
            self._ended = True
            self._more.notify_all()


class Netra:
    """One running process of `netra`.

    Args:
        arguments: what follows `netra` on the command line.
        data_dir: the folder of the stores.
        cwd: where it runs, so that no `netra.toml` of somebody else is read.
        environ: settings, over a clean environment.
    """

    def __init__(
        self, *arguments: str, data_dir: Path, cwd: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.url = ""
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [str(NETRA), *arguments, "--data-dir", str(data_dir)],
            cwd=cwd,
            env=clean_environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.log = Lines(self.process.stdout)
        self.errors = Lines(self.process.stderr)

    def ready(self) -> Self:
        """Wait until it accepts connections."""
        try:
            event = self.log.wait(lambda line: _event(line, "ready"), seconds=START_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.errors.text[-4000:]}") from None
        self.url = event["url"] or ""
        return self

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def login_link(self) -> str:
        """The address that logs in once; printed for people, beside the log."""
        found = self.errors.wait(
            lambda line: line.split("Open ", 1)[1].strip() if "#login=" in line else "", seconds=START_S
        )
        return str(found)

    def events(self) -> list[dict[str, Any]]:
        """The log, line by line; every line of it is JSON."""
        return [json.loads(line) for line in self.log.text.splitlines()]

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.terminate()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(STOP_S)
        self._read_to_the_end()

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(STOP_S)
        self._read_to_the_end()
        return code

    def stop(self) -> None:
        """Stop it in order, if it still runs; it must end well."""
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self.ended()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"It did not stop at SIGTERM:\n{self.log.text[-4000:]}") from None
        assert code in (0, -9), f"Exit code {code}:\n{self.log.text[-4000:]}\n{self.errors.text[-4000:]}"

    def _read_to_the_end(self) -> None:
        self.log.end()
        self.errors.end()


def clean_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of Netra, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
    return kept | dict(settings or {})


def run_netra(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of `netra` to its end, with `text` as its input."""
    return subprocess.run(  # noqa: S603 - our own program
        [str(NETRA), *arguments],
        cwd=cwd,
        env=clean_environment(environ),
        input=text or "",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=START_S,
        check=False,
    )


def _event(line: str, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return found if found.get("event") == name else None
