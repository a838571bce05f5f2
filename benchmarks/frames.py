"""RFC 6455 frames as a load generator needs them: whole text frames, cheaply. No I/O.

Sent frames are masked with zeros, which the RFC allows to be parsed but which only a benchmark may send: the
mask is there to protect proxies, and there is none on the way.
"""

import struct
from typing import Final

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_FIN = 0x80
_MASKED = 0x80
_ZERO_MASK = bytes(4)
_TYPE_PREFIX = b'{"type":"'


class FrameError(Exception):
    """The server sent what this parser does not take; a benchmark must end then, not guess."""


def client_frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame from client to server (section 5.2)."""
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, _MASKED | size))
    elif size < 65536:
        head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", _FIN | opcode, _MASKED | 127, size)
    return head + _ZERO_MASK + payload


class FrameReader:
    """Cuts what a server sent into frames. Bytes are copied once, unless a frame arrives in pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that `data` completes, as opcode and payload.

        Raises:
            FrameError: a frame is masked, fragmented or compressed; Netra's frames never are.
        """
        if self._rest:
            data = self._rest + data
        found: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, size = data[at], data[at + 1]
            if size >= _MASKED or first & 0xF0 != _FIN or not first & 0x0F:
                raise FrameError(f"Not a whole, unmasked, uncompressed frame: {data[at : at + 2].hex()}.")
            start = at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if end - start < width:
                    break
                size = int.from_bytes(data[start : start + width], "big")
                start += width
            if end - start < size:
                break
            at = start + size
            found.append((first & 0x0F, data[start:at]))
        self._rest = data[at:]
        return found


def type_of(payload: bytes) -> bytes:
    """The value of `type`, without decoding the JSON; Netra writes it first.

    Raises:
        FrameError: the payload begins otherwise.
    """
    if not payload.startswith(_TYPE_PREFIX):
        raise FrameError(f"A frame does not begin with its type: {payload[:40]!r}.")
    begin = len(_TYPE_PREFIX)
    return payload[begin : payload.index(b'"', begin)]


def value_after(payload: bytes, key: bytes) -> bytes:
    """The text between `key`, such as `b'"run_id":"'`, and the next quote; empty if the key is missing.

    The first place counts: in Netra's frames the envelope stands before the payload.
    """
    begin = payload.find(key)
    if begin < 0:
        return b""
    begin += len(key)
    return payload[begin : payload.index(b'"', begin)]
