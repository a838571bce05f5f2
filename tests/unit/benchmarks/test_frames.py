import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from benchmarks.frames import PING, TEXT, FrameError, FrameReader, client_frame, type_of, value_after

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 70000)


def served(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """The frame as the `websockets` library writes it for a server."""
    return Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
def test_a_sent_frame_is_what_another_implementation_reads(size: int) -> None:
    """Every length form of RFC 6455, section 5.2, masked as a client must."""
    reader = StreamReader()
    reader.feed_data(client_frame(TEXT, b"x" * size))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)
    assert parsed.value.value == Frame(Opcode.TEXT, b"x" * size)


@given(
    payloads=st.lists(
        st.sampled_from(SIZES).map(lambda size: bytes(size % 251 for _ in range(size))), max_size=4
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=140_000), max_size=6),
)
def test_frames_come_out_whole_however_the_stream_is_cut(payloads: list[bytes], cuts: list[int]) -> None:
    """TCP keeps no borders: any cut of the stream gives the same frames."""
    stream = b"".join(served(payload) for payload in payloads)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    reader = FrameReader()
    found = [frame for begin, end in itertools.pairwise(edges) for frame in reader.feed(stream[begin:end])]
    assert found == [(TEXT, payload) for payload in payloads]


def test_one_byte_at_a_time() -> None:
    """The header may be cut as well."""
    reader = FrameReader()
    stream = served(b"a" * 300) + served(b"", Opcode.PING)
    found = [frame for byte in stream for frame in reader.feed(bytes((byte,)))]
    assert found == [(TEXT, b"a" * 300), (PING, b"")]


@pytest.mark.parametrize(
    "wire",
    [
        Frame(Opcode.TEXT, b"x").serialize(mask=True),
        Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=False),
        Frame(Opcode.CONT, b"x").serialize(mask=False),
        b"\xc1\x01x",
    ],
    ids=["masked", "fragment", "continuation", "compressed"],
)
def test_what_is_not_understood_ends_the_benchmark(wire: bytes) -> None:
    """Guessing would count wrong results."""
    with pytest.raises(FrameError):
        FrameReader().feed(wire)


def test_fields_are_read_without_decoding() -> None:
    """The envelope stands before the payload, so that its `run_id` is found and not the message's."""
    payload = json.dumps(
        {"type": "agent_completed", "run_id": "r1", "payload": {"message": {"run_id": "r2"}}},
        separators=(",", ":"),
    ).encode()
    assert type_of(payload) == b"agent_completed"
    assert value_after(payload, b'"run_id":"') == b"r1"
    assert value_after(payload, b'"reply_to":"') == b""
    with pytest.raises(FrameError):
        type_of(b'{"seq":1,"type":"x"}')
