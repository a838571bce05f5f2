"""What happened to each tenant in the last five minutes at this process, for its operators.

Numbers by slots of five seconds, latencies as counts in fixed buckets, so that the figures of several
processes can be added. Holds no text and no id below the tenant's. Losing it costs a chart, nothing else.
"""

import math
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

SLOT_S: Final = 5
"""Seconds of a slot: a point of a chart."""
SLOTS: Final = 60
"""Slots remembered: five minutes."""
MAX_TENANTS: Final = 200
"""Tenants remembered, about 20 kB each; the one without news for longest goes first."""
MAX_CAUSES: Final = 64
"""Causes of one tenant before further ones are counted as `other`: clients cannot make up more memory."""

BOUNDS_MS: Final = tuple(round(0.5 * 1.25**step, 3) for step in range(64))
"""Upper ends of the buckets, half a millisecond to eleven minutes, each a quarter above the one before:
no percentile is further off than that."""


class Slot(msgspec.Struct):
    """Five seconds from `at`, in seconds since 1970. Latencies: bucket, and how many were in it."""

    at: int
    events: int = 0
    accepted: dict[int, int] = msgspec.field(default_factory=dict)
    ran: dict[int, int] = msgspec.field(default_factory=dict)


class Cause(msgspec.Struct):
    """Why frames were refused, how often, first and last in seconds since 1970."""

    code: str
    count: int
    first: float
    last: float


class Report(msgspec.Struct):
    """The figures of one tenant, the oldest slot first."""

    slots: list[Slot]
    refused: list[Cause]


@dataclass(slots=True)
class _Tenant:
    slots: dict[int, Slot] = field(default_factory=dict)
    refused: dict[str, Cause] = field(default_factory=dict)


class Figures:
    """A process's memory.

    Args:
        now: seconds since 1970, so that processes agree about where a slot begins.
    """

    __slots__ = ("_now", "_tenants")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()

    def stored(self, tenant_id: str, events: int) -> None:
        """So many durable events were stored."""
        self._slot(tenant_id).events += events

    def accepted(self, tenant_id: str, seconds: float) -> None:
        """A message was committed, after so long."""
        _count(self._slot(tenant_id).accepted, seconds * 1000)

    def ran(self, tenant_id: str, milliseconds: float) -> None:
        """A run ended, after so long."""
        _count(self._slot(tenant_id).ran, milliseconds)

    def refused(self, tenant_id: str, code: str) -> None:
        """A frame was answered by an error."""
        causes, now = self._of(tenant_id).refused, self._now()
        name = code if code in causes or len(causes) < MAX_CAUSES else "other"
        cause = causes.setdefault(name, Cause(name, 0, now, now))
        cause.count += 1
        cause.last = now

    def report(self, tenant_id: str) -> Report:
        """The figures of one tenant, without what is older than five minutes."""
        tenant, oldest = self._tenants.get(tenant_id, _Tenant()), self._start() - SLOT_S * (SLOTS - 1)
        slots = [slot for at, slot in sorted(tenant.slots.items()) if at >= oldest]
        return Report(slots=slots, refused=list(tenant.refused.values()))

    def _start(self) -> int:
        return int(self._now()) // SLOT_S * SLOT_S

    def _slot(self, tenant_id: str) -> Slot:
        slots, at = self._of(tenant_id).slots, self._start()
        if at not in slots:
            slots[at] = Slot(at)
            for old in [each for each in slots if each <= at - SLOT_S * SLOTS]:
                del slots[old]
        return slots[at]

    def _of(self, tenant_id: str) -> _Tenant:
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = _Tenant()
            if len(self._tenants) > MAX_TENANTS:
                self._tenants.popitem(last=False)
        else:
            self._tenants.move_to_end(tenant_id)
        return tenant


def added(reports: Iterable[Report]) -> Report:
    """The figures of several processes as one's."""
    slots: dict[int, Slot] = {}
    causes: dict[str, Cause] = {}
    for report in reports:
        for slot in report.slots:
            sums = slots.setdefault(slot.at, Slot(slot.at))
            sums.events += slot.events
            sums.accepted = _sum(sums.accepted, slot.accepted)
            sums.ran = _sum(sums.ran, slot.ran)
        for cause in report.refused:
            known = causes.setdefault(cause.code, Cause(cause.code, 0, cause.first, cause.last))
            known.count += cause.count
            known.first, known.last = min(known.first, cause.first), max(known.last, cause.last)
    return Report(slots=[slots[at] for at in sorted(slots)], refused=list(causes.values()))


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """Milliseconds that `share` (0 to 1) of the latencies did not pass; None if there were none."""
    rank = math.ceil(sum(buckets.values()) * share)
    for bucket, count in sorted(buckets.items()):
        rank -= count
        if rank <= 0:
            return BOUNDS_MS[bucket]
    return None


def merged(buckets: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Latencies of several slots as one's."""
    sums: dict[int, int] = {}
    for each in buckets:
        sums = _sum(sums, each)
    return sums


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return dict(Counter(one) + Counter(other))


def _count(buckets: dict[int, int], milliseconds: float) -> None:
    bucket = min(bisect_left(BOUNDS_MS, milliseconds), len(BOUNDS_MS) - 1)
    buckets[bucket] = buckets.get(bucket, 0) + 1
