"""A gateway on the memory adapters and ASGI clients that are plain queues."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from netra_backend.domain.errors import Degraded, Forbidden, Unauthenticated
from netra_backend.domain.identity import Principal
from netra_backend.domain.ids import MessageId, Owner, TenantId, ThreadId, UserId
from netra_backend.domain.runs import Submission
from netra_backend.protocol.session import Limits
from netra_backend.testing.fake_clock import FakeClock
from netra_backend.testing.memory import Memory, MemoryEventLog, MemoryFeed, MemoryLiveText, MemoryStore
from netra_backend.websocket_core.connection import Terms
from netra_backend.websocket_core.factory import HandlerFactory
from netra_backend.websocket_core.handlers import Services
from netra_backend.websocket_core.server import Gateway

ADA = Owner(TenantId("acme"), UserId("ada"))
THREAD = ThreadId("11111111-1111-7111-8111-111111111111")
MESSAGE = MessageId("22222222-2222-7222-8222-222222222222")
PATIENCE_S = 10.0
Frame = dict[str, Any]


class Desk:
    """Credentials (`server.Credentials`): a token is `tenant/user`, with a life in seconds behind `#`.

    `away` is a token that cannot be checked now.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def admit(self, scope: Mapping[str, Any]) -> str | None:
        """The token of the scope."""
        if scope.get("token") == "forbidden":
            raise Forbidden
        token: str | None = scope.get("token")
        return token

    async def verify(self, token: str) -> Principal:
        """Who the token is."""
        if token == "away":
            raise Degraded
        name, _, life = token.partition("#")
        tenant, slash, user = name.partition("/")
        if not slash:
            raise Unauthenticated
        if tenant == "slow":
            await asyncio.sleep(1)
        expires: datetime = self._clock.now() + timedelta(seconds=float(life or 3600))
        owner = Owner(TenantId(tenant), UserId(user))
        return Principal(
            owner=owner, roles=frozenset(), expires_at=expires, session_id=f"session of {user}", issuer="test"
        )


class Count:
    """A `server.Meter`."""

    def __init__(self) -> None:
        self.open = 0
        self.types: list[str] = []
        self.codes: list[str] = []

    def opened(self) -> None:
        """One more."""
        self.open += 1

    def closed(self) -> None:
        """One less."""
        self.open -= 1

    def received(self, message_type: str) -> None:
        """Note its type."""
        self.types.append(message_type)

    def refused(self, code: str) -> None:
        """Note its code."""
        self.codes.append(code)


class Everybody:
    """A `server.Visits` without limits, which keeps who is there."""

    def __init__(self) -> None:
        self.here: dict[str, Callable[[], None]] = {}
        self.wait_s = 0.0

    def enter(self, _: Owner, connection_id: str, evict: Callable[[], None]) -> "Everybody":
        """Come in."""
        self.here[connection_id] = evict
        return self

    def leave(self, _: Owner, connection_id: str) -> None:
        """Go."""
        del self.here[connection_id]

    def take(self, _: float) -> float:
        """See `server.Allowed`."""
        return self.wait_s


class Client:
    """The other end of one ASGI socket. While `slow` is cleared, sending to it waits."""

    def __init__(self, gateway: Gateway, **scope: Any) -> None:
        self.frames: list[Frame] = []
        self.subprotocol: str | None = None
        self.accepted = False
        self.code: int | None = None
        self.answer: Frame | None = None
        self.reading = asyncio.Event()
        self.reading.set()
        self.broken = False
        self._news = asyncio.Event()
        self._inbox: asyncio.Queue[Frame] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.served = asyncio.ensure_future(
            gateway({"type": "websocket", **scope}, self._inbox.get, self._take)
        )

    async def _take(self, event: Frame) -> None:
        kind = event["type"]
        if kind == "websocket.accept":
            self.accepted, self.subprotocol = True, event["subprotocol"]
            return
        if kind == "websocket.http.response.start":
            self.answer = event
            return
        if kind == "websocket.http.response.body":
            self.answer = {"body": event["body"], **(self.answer or {})}
            return
        await self.reading.wait()
        if self.broken:
            raise OSError("gone")
        if kind == "websocket.close":
            self.code = event["code"]
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": self.code})
        elif kind == "websocket.send":
            self.frames.append(json.loads(event["text"]))
        else:
            raise ValueError(kind)  # a server of ASGI takes nothing else
        self._news.set()

    def send(self, kind: str, payload: Frame | None = None, **fields: Any) -> None:
        """Send a frame."""
        frame = {"type": kind, **fields} | ({} if payload is None else {"payload": payload})
        self.send_raw(json.dumps(frame))

    def send_raw(self, text: str) -> None:
        """Send anything."""
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        self._inbox.put_nowait({"type": "websocket.receive", "bytes": data})

    async def until(self, wanted: Callable[[], Any]) -> None:
        """Wait until `wanted` is true of what came."""
        async with asyncio.timeout(PATIENCE_S):
            while not wanted():
                self._news.clear()
                await self._news.wait()

    async def get(self, kind: str, count: int = 1) -> Frame:
        """The `count`-th frame of a type."""
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    def of(self, kind: str) -> list[Frame]:
        """All frames of a type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def seqs(self) -> list[int]:
        """The numbers of durable frames, as they came."""
        return [frame["seq"] for frame in self.frames if "seq" in frame]

    async def closed(self) -> int | None:
        """Wait until the server has closed and is done."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self.served])
        self.served.result()
        return self.code

    async def leave(self) -> None:
        """Go, as a browser does."""
        self.reading.set()
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await self.closed()


class Hall:
    """A gateway and everything below it."""

    def __init__(
        self, log: Callable[[Memory, MemoryFeed], MemoryEventLog] = MemoryEventLog, **options: Any
    ) -> None:
        ids = itertools.count(1)
        self.clock = FakeClock()
        self.memory = Memory(clock=self.clock, new_id=lambda: f"00000000-0000-7000-8000-{next(ids):012x}")
        self.feed = MemoryFeed(self.memory)
        self.other_feed = MemoryFeed(self.memory)
        self.log = log(self.memory, self.feed)
        self.store = MemoryStore(self.memory, self.other_feed)
        self.live = MemoryLiveText(self.memory, self.other_feed)
        self.meter = Count()
        self.slow: list[None] = []
        self.resumes: list[str] = []
        self.refusals: list[tuple[str, str]] = []
        desk = Desk(self.clock)
        services = Services(
            store=self.store,
            feed=self.feed,
            verify=desk.verify,
            new_id=self.memory.new_id,
            refused=self.meter.refused,
        )
        self.gateway = Gateway(
            credentials=desk,
            factory=HandlerFactory(services),
            feed=self.feed,
            terms=Terms(
                log=self.log,
                live=self.live,
                clock=self.clock,
                heartbeat_s=15,
                start_silence_s=options.get("start_silence_s", 60),
                max_frame_bytes=65536,
                outbox_bytes=options.get("outbox_bytes", 65536),
                server_version="0",
                slow=lambda: self.slow.append(None),
                resumed=self.resumes.append,
                refused=lambda *refusal: self.refusals.append(refusal),
                sent=lambda *_: None,
            ),
            limits=Limits(bad_frames=3),
            meter=self.meter,
            new_id=self.memory.new_id,
            auth_timeout_s=options.get("auth_timeout_s", 60),
            connections_per_user=options.get("connections_per_user", 50),
            visits=options.get("visits") or Everybody(),
        )
        self._numbers = itertools.count(1)

    def client(self, token: str | None = "acme/ada", **scope: Any) -> Client:  # noqa: S107 - a name
        """A client that has just asked for a socket."""
        return Client(self.gateway, token=token, **scope)

    async def connected(self, token: str = "acme/ada") -> Client:  # noqa: S107 - a name
        """A client that got `connected`."""
        client = self.client(token)
        await client.get("connected")
        return client

    async def commit(self, owner: Owner = ADA, text: str = "x") -> None:
        """One more durable event of an owner."""
        submission = Submission(owner=owner, client_id=f"k{next(self._numbers)}", text=text, thread_id=None)
        await self.store.accept(submission)
