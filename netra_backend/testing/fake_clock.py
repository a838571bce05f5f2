"""A clock that stands until a test moves it, for what takes a `domain.ports.Clock`."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at noon of the first of January 2026; both clocks move together and only by `forward`."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """The set time, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that `forward` added, from 1,000 on."""
        return self._monotonic

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
