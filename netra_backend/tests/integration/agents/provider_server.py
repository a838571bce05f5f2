"""A real HTTP server that speaks the OpenAI chat protocol from a script, faults included."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Exchange:
    """One request being answered."""

    headers: dict[str, str]
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def start(self, status: str = "200 OK", kind: str = "text/event-stream", **headers: str) -> None:
        """Send the head of the response; its body is chunked."""
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", "transfer-encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """Send a piece of the body."""
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()

    async def delta(self, finish: str | None = None, **delta: Any) -> None:
        """Send a piece of the answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        frame = {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
            "choices": [choice],
        }
        await self.send(b"data: %s\n\n" % json.dumps(frame).encode())

    async def end(self, finish: str = "stop") -> None:
        """Finish the answer properly, with its usage."""
        await self.delta(finish)
        usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
        frame = {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
            "choices": [],
            "usage": usage,
        }
        await self.send(b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(frame).encode())
        await self.send(b"")


Reply = Callable[[Exchange], Awaitable[None]]


def says(*texts: str) -> Reply:
    """Streams the texts."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        for text in texts:
            await exchange.delta(role="assistant", content=text)
        await exchange.end()

    return reply


def calls(name: str, arguments: str) -> Reply:
    """Streams a call of a tool with `arguments`, which should be JSON."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        function = {"name": name, "arguments": arguments}
        await exchange.delta(
            role="assistant",
            tool_calls=[{"index": 0, "id": "call_0", "type": "function", "function": function}],
        )
        await exchange.end("tool_calls")

    return reply


def refuses(status: str, **headers: str) -> Reply:
    """Answers with an error that quotes the key and the prompt, as some providers do."""

    async def reply(exchange: Exchange) -> None:
        quoted = f"{exchange.headers.get('authorization')} {exchange.body['messages'][-1]['content']}"
        await exchange.start(status, "application/json", **headers)
        await exchange.send(json.dumps({"error": {"message": quoted, "type": "t", "code": "c"}}).encode())
        await exchange.send(b"")

    return reply


def drops() -> Reply:
    """Closes the connection without an answer."""

    async def reply(exchange: Exchange) -> None:
        exchange.writer.transport.abort()

    return reply


def breaks_off(*texts: str) -> Reply:
    """Streams the texts, then the connection is gone."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        for text in texts:
            await exchange.delta(content=text)
        exchange.writer.transport.abort()

    return reply


def ends_early(*texts: str) -> Reply:
    """Streams the texts, then ends the body without saying that the answer is complete."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        for text in texts:
            await exchange.delta(content=text)
        await exchange.send(b"")

    return reply


def falls_silent(*texts: str, gone: asyncio.Event) -> Reply:
    """Streams the texts, then says nothing until the client leaves, which sets `gone`."""

    async def reply(exchange: Exchange) -> None:
        await exchange.start()
        for text in texts:
            await exchange.delta(content=text)
        await exchange.reader.read()
        gone.set()

    return reply


@dataclass
class Provider:
    """The server: answers each request with the next of `replies`, and keeps the requests."""

    base_url: str
    replies: Sequence[Reply]
    requests: list[Exchange] = field(default_factory=list)
    _connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                exchange = Exchange(headers, body, reader, writer)
                self.requests.append(exchange)
                await self.replies[len(self.requests) - 1](exchange)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def hang_up(self) -> None:
        """Close all connections and wait until nothing serves them."""
        for writer in self._connections.values():
            writer.close()
        await asyncio.gather(*self._connections, return_exceptions=True)


@asynccontextmanager
async def provider(*replies: Reply) -> AsyncIterator[Provider]:
    """A running server on a free port."""
    scripted = Provider("", replies)
    server = await asyncio.start_server(scripted.answer, "127.0.0.1", 0)
    scripted.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield scripted
    finally:
        server.close()
        await scripted.hang_up()
