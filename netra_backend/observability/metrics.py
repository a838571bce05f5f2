"""All numbers that Netra counts, in a registry of their own.

Labels are bounded, and never an id or a name of a user, tenant or thread.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
MAX_LABELS: Final = 64
"""Values of one label before further ones are counted as `other`: a series costs memory for ever."""

FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds, for what should take milliseconds."""
SLOW: Final = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Seconds, for what a model takes."""


class Count(Collector):
    """A counter for the event loop alone: without the lock that each `inc` of the library's own takes.

    Attributes:
        value: what was counted.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Count so many."""
        self.value += amount

    def collect(self) -> Iterable[Metric]:
        """See the library."""
        return [CounterMetricFamily(self._name, self._what, value=self.value)]


class Labelled(Collector):
    """Such a counter with one label, whose values cannot grow without end."""

    def __init__(self, name: str, what: str, label: str) -> None:
        self._name, self._what, self._label = name, what, label
        self._values: dict[str, int] = {}

    def inc(self, label: str, amount: int = 1) -> None:
        """Count under `label`."""
        if label not in self._values and len(self._values) >= MAX_LABELS:
            label = "other"
        self._values[label] = self._values.get(label, 0) + amount

    def collect(self) -> Iterable[Metric]:
        """See the library."""
        family = CounterMetricFamily(self._name, self._what, labels=[self._label])
        for label, value in self._values.items():
            family.add_metric([label], value)
        return [family]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Counters of one process; made once by `create_metrics` and handed to who counts. Times in seconds."""

    registry: CollectorRegistry
    connections: Gauge
    slow_connections: Gauge
    outbox_bytes: Gauge
    running_runs: Gauge
    queue_depth: Gauge
    queue_lanes: Gauge
    frames_in: Labelled
    frames_out: Count
    events: Labelled
    runs: Labelled
    run_failures: Labelled
    errors: Labelled
    resumes: Labelled
    slow_closes: Count
    accept_latency: Histogram
    run_duration: Histogram

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


def create_metrics() -> Metrics:
    """A new set of counters, all at zero."""
    # Otherwise every histogram has one more series, which says when counting began.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it untyped
    registry = CollectorRegistry()

    def counter(name: str, what: str) -> Count:
        registry.register(found := Count(f"netra_{name}", what))
        return found

    def labelled(name: str, what: str, label: str) -> Labelled:
        registry.register(found := Labelled(f"netra_{name}", what, label))
        return found

    def gauge(name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"netra_{name}", what, labels, registry=registry)

    def histogram(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"netra_{name}_seconds", what, buckets=buckets, registry=registry)

    return Metrics(
        registry=registry,
        connections=gauge("connections", "Open sockets."),
        slow_connections=gauge("slow_connections", "Open sockets that wait for their client."),
        outbox_bytes=gauge("outbox_bytes", "Bytes that wait for clients, over all sockets."),
        running_runs=gauge("running_runs", "Runs that this process executes."),
        queue_depth=gauge("queue_depth", "Runs in the database that have not ended.", "status"),
        queue_lanes=gauge("queue_lanes", "Runs in the database that wait for a worker.", "lane"),
        frames_in=labelled("frames_in", "Frames from clients.", "type"),
        frames_out=counter("frames_out", "Frames to clients."),
        events=labelled("events", "Durable events stored.", "type"),
        runs=labelled("runs", "Runs that ended.", "status"),
        run_failures=labelled("run_failures", "Runs that failed or took too long.", "code"),
        errors=labelled("errors", "Requests refused or failed.", "code"),
        resumes=labelled("resumes", "Answers to resume.", "outcome"),
        slow_closes=counter("slow_closes", "Sockets closed because their client was too slow."),
        accept_latency=histogram("accept_latency", "From a message's arrival to its commit.", FAST),
        run_duration=histogram("run_duration", "From the start of a run to its end.", SLOW),
    )
