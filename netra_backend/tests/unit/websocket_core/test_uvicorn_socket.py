"""The frames that are written without the library, read by the library."""

from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.base import Extension
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from netra_backend.websocket_core.uvicorn_socket import framed

T = TypeVar("T")

NO_EXTENSIONS: list[Extension] = []


def parsed(data: bytes) -> list[Frame]:
    """The frames in `data`, as the library's own parser reads them from a server."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frames = []
    while not _finished(reader.at_eof()):
        frames.append(
            _finished(Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=NO_EXTENSIONS))
        )
    return frames


def _finished(step: Generator[None, None, T]) -> T:
    """What one of the library's parsing steps returns; it only waits for data that is there."""
    try:
        while True:
            next(step)
    except StopIteration as stop:
        value: T = stop.value
        return value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_every_length_is_framed_as_the_standard_says(size: int) -> None:
    """The three forms of the length and their borders (RFC 6455, section 5.2)."""
    text = b"x" * size
    assert parsed(framed([text])) == [Frame(Opcode.TEXT, text)]


@given(st.lists(st.text(max_size=300).map(str.encode), max_size=5))
def test_many_texts_are_as_many_frames(texts: list[bytes]) -> None:
    """Each text stays a whole frame of its own, in order."""
    assert parsed(framed(texts)) == [Frame(Opcode.TEXT, text) for text in texts]
