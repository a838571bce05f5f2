"""The lines of a process: in memory, in a file, and for whoever waits for one."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from netra_backend.stack import output
from netra_backend.stack.output import Output


def stream(*lines: str, limit: int = output.LINE_BYTES) -> asyncio.StreamReader:
    """What a process wrote before it ended."""
    reader = asyncio.StreamReader(limit=limit)
    reader.feed_data("".join(f"{line}\n" for line in lines).encode())
    reader.feed_eof()
    return reader


async def test_lines_are_kept_and_written(tmp_path: Path) -> None:
    """All in the file, which nobody else may read; JSON ones as events."""
    said = Output(tmp_path / "logs" / "one.log")
    await said.read(stream('{"event": "ready"}', "plain words", "[1]"))
    assert said.lines == ('{"event": "ready"}', "plain words", "[1]")
    assert said.events == [{"event": "ready"}]
    assert said.path.read_text(encoding="utf-8") == '{"event": "ready"}\nplain words\n[1]\n'
    assert said.path.stat().st_mode & 0o777 == 0o600


async def test_memory_is_bounded_and_old_lines_are_told_from_new_ones(tmp_path: Path) -> None:
    """The last ones stay."""
    said = Output(tmp_path / "one.log")
    await said.read(stream(*(str(number) for number in range(output.KEPT_LINES + 5))))
    assert len(said.lines) == output.KEPT_LINES
    before = said.count
    assert said.since(before) == ()
    await said.read(stream("new"))
    assert said.since(before) == ("new",)


async def test_an_expected_event_is_the_first_that_fits(tmp_path: Path) -> None:
    """One who gave up is not told."""
    said = Output(tmp_path / "one.log")
    first = said.expect(lambda event: event["event"] == "x")
    gone = said.expect(lambda event: True)
    gone.cancel()
    await said.read(stream("words", *(json.dumps({"event": "x", "n": number}) for number in range(2))))
    assert first.result() == {"event": "x", "n": 0}
    assert gone.cancelled()


async def test_a_large_file_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files at most, whatever a process says."""
    monkeypatch.setattr(output, "FILE_BYTES", 20)
    said = Output(tmp_path / "one.log")
    await said.read(stream(*(f"line number {number}" for number in range(9))))
    assert sorted(os.listdir(tmp_path)) == ["one.log", "one.log.old"]
    assert said.path.read_text(encoding="utf-8") == "line number 8\n"


async def test_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    """It must not end the reading, for then the process would hang on its next line."""
    said = Output(tmp_path / "one.log")
    await said.read(stream("x" * 200, "after", limit=50))
    assert said.lines[-1] == "after"
    assert max(map(len, said.lines)) <= 200
