"""What one user may do over all gateways: connections and frames, counted in Valkey.

Nothing here waits for Valkey. A connection takes its seat and is closed if the answer says that
there was none; frames are reported in lots, and the answer says how long the next ones are refused.
While Valkey is away each gateway counts for itself, by the same rules.
"""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

from netra_backend.domain.ids import ConnectionId, Owner
from netra_backend.domain.ports import Clock
from netra_backend.events.names import channel
from netra_backend.events.outlet import Outlet

GCRA = (Path(__file__).parent / "gcra.lua").read_text(encoding="utf-8")
SEATS = (Path(__file__).parent / "seats.lua").read_text(encoding="utf-8")

LOT = 32
"""Frames reported at once: a polite client's frame costs a 32nd of a command, and a flood over many
gateways is seen after 32 frames on each."""
SEAT_S = 45.0
"""Seconds that a seat is kept unless it is renewed: so long a killed gateway's connections count."""
RENEW_S = 15.0
"""Seconds in which every seat is renewed once."""
CHUNK = 200
"""Users whose seats are renewed in one go."""

Evict = Callable[[], None]


class Allowance:
    """One user at this gateway. `take` is called for each frame and must stay cheap."""

    __slots__ = ("_limits", "_spent", "arrival", "blocked_until", "owner", "seats")

    def __init__(self, owner: Owner, limits: "UserLimits") -> None:
        self.owner = owner
        self.seats: dict[ConnectionId, Evict] = {}
        self.blocked_until = 0.0
        self.arrival = 0.0
        self._limits = limits
        self._spent = 0

    def take(self, now: float) -> float:
        """Count one frame at `now`; returns the seconds for which it is refused, 0 or less if it is not.

        A refused frame is not counted, so that whoever waits as told is let in again.
        """
        wait = self.blocked_until - now
        if wait <= 0:
            self._spent += 1
            if self._spent >= self._limits.lot:
                self.settle(now)
        return wait

    def settle(self, now: float) -> None:
        """Report what was spent."""
        spent, self._spent = self._spent, 0
        if spent:
            self._limits.charge(self, spent, now)


class UserLimits:
    """All users at this gateway; see `websocket_core.server.Visits`.

    Args:
        connections: of one user.
        frames_per_second: of one user, for long.
        burst: frames of one user at once.
    """

    def __init__(
        self, outlet: Outlet, clock: Clock, *, connections: int, frames_per_second: float, burst: int
    ) -> None:
        self._outlet = outlet
        self._clock = clock
        self._connections = connections
        self._interval = 1 / frames_per_second
        self._tolerance = self._interval * burst
        self.lot = max(1, min(LOT, burst // 4))
        self._here: dict[Owner, Allowance] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop renewing."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    def enter(self, owner: Owner, connection_id: ConnectionId, evict: Evict) -> Allowance:
        """A connection was opened; `evict` is called, now or later, if there is no seat for it."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_seats(), name="seats")
        allowance = self._here.get(owner)
        if allowance is None:
            allowance = self._here[owner] = Allowance(owner, self)
        allowance.seats[connection_id] = evict
        self._take_seats(allowance, [connection_id])
        return allowance

    def leave(self, owner: Owner, connection_id: ConnectionId) -> None:
        """The connection has ended."""
        allowance = self._here.get(owner)
        if allowance is None or allowance.seats.pop(connection_id, None) is None:
            return
        self._outlet.send("ZREM", _seats_key(owner), connection_id)
        if not allowance.seats:
            allowance.settle(self._clock.monotonic())
            del self._here[owner]

    def charge(self, allowance: Allowance, frames: int, now: float) -> None:
        """Count frames that were handled, here and in Valkey; the longer wait counts."""
        allowance.arrival = max(allowance.arrival, now) + frames * self._interval
        _block(allowance, now, allowance.arrival - now - self._tolerance)

        def answered(wait_ms: int) -> None:
            _block(allowance, self._clock.monotonic(), wait_ms / 1000)

        interval, tolerance = self._interval * 1000, self._tolerance * 1000
        self._outlet.send(
            "EVAL", GCRA, 1, _frames_key(allowance.owner), interval, tolerance, frames, 0, reply=answered
        )

    def renew(self, owners: Collection[Owner]) -> None:
        """Keep the seats of these users for another while, or take them again if they are lost."""
        for owner in owners:
            allowance = self._here.get(owner)
            if allowance is not None:
                self._take_seats(allowance, list(allowance.seats))

    def _take_seats(self, allowance: Allowance, connection_ids: list[ConnectionId]) -> None:
        def answered(refused: list[bytes]) -> None:
            for each in refused:
                evict = allowance.seats.get(ConnectionId(each.decode()))
                if evict is not None:
                    evict()

        lease_ms, key = round(SEAT_S * 1000), _seats_key(allowance.owner)
        self._outlet.send("EVAL", SEATS, 1, key, self._connections, lease_ms, *connection_ids, reply=answered)

    async def _keep_seats(self) -> None:
        """Renew for everybody here, spread over `RENEW_S`; until cancelled."""
        while True:
            owners = list(self._here)
            chunks = [owners[start : start + CHUNK] for start in range(0, len(owners), CHUNK)] or [[]]
            for chunk in chunks:
                await asyncio.sleep(RENEW_S / len(chunks))
                self.renew(chunk)


class SharedCounts:
    """Counts that all processes share, for what is rare enough to wait for Valkey a moment.

    See `auth.throttle.SharedCount`.
    """

    PATIENCE_S = 0.5

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    async def take(self, key: str, *, burst: int, period_s: float) -> float | None:
        """Count one; seconds to wait if that is too many (then it was not counted), None if unknown."""
        if self._outlet.lost:
            return None
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def answered(wait_ms: int) -> None:
            if not answer.done():
                answer.set_result(wait_ms)

        self._send(key, burst, period_s, 1, answered)
        try:
            return await asyncio.wait_for(answer, self.PATIENCE_S) / 1000
        except TimeoutError:
            return None

    def give_back(self, key: str, *, burst: int, period_s: float) -> None:
        """Take one off the count."""
        self._send(key, burst, period_s, -1, None)

    def _send(
        self, key: str, burst: int, period_s: float, units: int, reply: Callable[[int], None] | None
    ) -> None:
        period, tolerance, strict = period_s * 1000, period_s * 1000 * (burst - 1), int(units > 0)
        name = f"netra:count:{key}"
        self._outlet.send("EVAL", GCRA, 1, name, period, tolerance, units, strict, reply=reply)


def _block(allowance: Allowance, now: float, seconds: float) -> None:
    allowance.blocked_until = max(allowance.blocked_until, now + seconds)


def _frames_key(owner: Owner) -> bytes:
    return channel(owner) + b":frames"


def _seats_key(owner: Owner) -> bytes:
    return channel(owner) + b":seats"
