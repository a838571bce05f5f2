"""A Valkey whose channels lose, repeat and reorder: a proxy that understands just enough of the protocol.

Commands and their answers pass untouched; only messages on channels are tampered with, by a seed.
"""

import asyncio
import random  # noqa: TID251 - seeded, so that a failure can be repeated
from collections import Counter
from typing import Any, Self

import hiredis

from netra_backend.chaos.proxy import upstream_of

DROPPED, REPEATED, SWAPPED = 0.2, 0.2, 0.2
"""Parts of all messages; the rest passes as it is."""
NOTHING = object()


class UnreliableFeed:
    """Listens on 127.0.0.1 and passes everything to the Valkey at `url` and back.

    Args:
        url: of Valkey.
        seed: of what happens to which message.

    Attributes:
        deeds: how many messages were `dropped`, `repeated`, `swapped` or `passed`.
        deaf: drop every message.
    """

    def __init__(self, url: str, *, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.deeds: Counter[str] = Counter()
        self.deaf = False

    @property
    def url(self) -> str:
        """The same Valkey, through this."""
        assert self._server is not None
        host, port = self._address
        mine = self._server.sockets[0].getsockname()[1]
        return self._url.replace(f"{host}:{port}", f"127.0.0.1:{mine}")

    @property
    def _address(self) -> tuple[str, int]:
        address = upstream_of(self._url)
        assert isinstance(address, tuple)
        return address

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer), name="unreliable-feed")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(*self._address)
        there = asyncio.create_task(_pass_on(reader, upstream))
        back = asyncio.create_task(self._tamper(upstream_reader, writer))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.wait([there, back])
            for each in (upstream, writer):
                each.transport.abort()

    async def _tamper(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = hiredis.Reader(notEnoughData=NOTHING)
        held: bytes | None = None
        while data := await reader.read(65536):
            answers.feed(data)
            while (answer := answers.gets()) is not NOTHING:
                encoded = encode(answer)
                if not _is_message(answer):
                    writer.write(encoded)
                    continue
                match self._deed():
                    case "dropped":
                        continue
                    case "repeated":
                        writer.write(encoded * 2)
                    case "swapped" if held is None:
                        held = encoded
                        continue
                    case _:
                        writer.write(encoded)
                if held is not None:
                    writer.write(held)
                    held = None
            await writer.drain()

    def _deed(self) -> str:
        luck = self._random.random()
        deed = "passed"
        for limit, name in (
            (DROPPED, "dropped"),
            (DROPPED + REPEATED, "repeated"),
            (DROPPED + REPEATED + SWAPPED, "swapped"),
        ):
            if luck < limit:
                deed = name
                break
        deed = "dropped" if self.deaf else deed
        self.deeds[deed] += 1
        return deed


def _is_message(answer: Any) -> bool:
    return isinstance(answer, list) and len(answer) == 3 and answer[0] == b"smessage"


def encode(answer: Any) -> bytes:
    """An answer as Valkey sends it (RESP 2)."""
    match answer:
        case None:
            return b"$-1\r\n"
        case bool() | int():
            return b":%d\r\n" % answer
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(answer), answer)
        case list():
            return b"*%d\r\n" % len(answer) + b"".join(map(encode, answer))
        case hiredis.ReplyError():
            return b"-%s\r\n" % str(answer).encode()
    raise TypeError(f"Valkey does not answer with {type(answer).__name__}.")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
