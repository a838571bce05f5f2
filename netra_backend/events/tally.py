"""Counts what was committed: for Prometheus over everything, for operators by tenant.

Reads of an ending how long the run took and the error's code, never a text.
"""

from collections.abc import Sequence

import msgspec

from netra_backend.domain.events import Event
from netra_backend.domain.ids import Owner, TenantId
from netra_backend.observability.figures import Figures
from netra_backend.observability.metrics import Metrics


class _Error(msgspec.Struct):
    code: str


class _Ending(msgspec.Struct):
    duration_ms: int
    error: _Error | None = None


_ending = msgspec.json.Decoder(_Ending)


class Tally:
    """Hears of commits, and counts them twice."""

    __slots__ = ("_figures", "_metrics")

    def __init__(self, metrics: Metrics, figures: Figures) -> None:
        self._metrics = metrics
        self._figures = figures

    def accepted(self, tenant_id: TenantId, seconds: float) -> None:
        """A message was committed, after so long."""
        self._metrics.accept_latency.observe(seconds)
        self._figures.accepted(tenant_id, seconds)

    def stored(self, owner: Owner, events: Sequence[Event]) -> None:
        """These events of an owner were committed."""
        self._figures.stored(owner.tenant_id, len(events))
        for event in events:
            self._metrics.events.inc(event.type)
            if event.type == "agent_completed":
                self._ended(owner, _ending.decode(event.payload))

    def _ended(self, owner: Owner, ending: _Ending) -> None:
        self._figures.ran(owner.tenant_id, ending.duration_ms)
        if ending.error is not None:
            self._metrics.run_failures.inc(ending.error.code)
