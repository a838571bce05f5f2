"""Sends figures and the spans of runs to an OpenTelemetry collector, by OTLP over HTTP.

The library reads where and how from the standard `OTEL_EXPORTER_OTLP_*` variables and sends from threads of
its own. A collector that is away costs nobody anything but its own figures. Needs the extra `netra[otel]`.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Status, StatusCode
from prometheus_client import CollectorRegistry

from netra_backend.observability.otlp_figures import metrics_data

SCOPE: Final = "netra"
NANO: Final = 1_000_000_000
Attributes = Mapping[str, str | int]


def resource_of(attributes: Attributes) -> Resource:
    """What sends, with `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` over `attributes`."""
    return Resource.create(dict(attributes)).merge(OTELResourceDetector().detect())


class FigureExport:
    """Sends a registry, when asked to.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, registry: CollectorRegistry, *, resource: Resource, now: Callable[[], float]) -> None:
        self._registry = registry
        self._resource = resource
        self._scope = InstrumentationScope(SCOPE)
        self._now = now
        self._began = int(now() * NANO)
        self._exporter = OTLPMetricExporter()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="otlp-figures")

    async def send(self) -> bool:
        """Send what is counted now; whether it arrived. Read on the loop, which writes it; sent beside it."""
        data = metrics_data(
            self._registry,
            resource=self._resource,
            scope=self._scope,
            began=self._began,
            now=int(self._now() * NANO),
        )
        result = await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.export, data)
        return result is MetricExportResult.SUCCESS

    async def close(self) -> None:
        """Send no more; what is being sent has the time-out of the exporter."""
        self._exporter.shutdown()
        await asyncio.to_thread(self._thread.shutdown)


class RunSpanExport:
    """Sends a span for each run that ended. A run's id, as a number, is the id of its trace."""

    def __init__(self, *, resource: Resource) -> None:
        self._ids = _RunIds()
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SCOPE)

    def ended(
        self, run: int, *, at: float, seconds: float, attributes: Attributes, error: str | None
    ) -> None:
        """A run ended `at`, in seconds since 1970, after so long; `error` is a code."""
        self._ids.run = run
        end = int(at * NANO)
        span = self._tracer.start_span(
            "run", start_time=end - int(seconds * NANO), attributes=dict(attributes)
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end)

    async def close(self) -> None:
        """Send what is left, within the time-out of the exporter."""
        await asyncio.to_thread(self._provider.shutdown)


class _RunIds(IdGenerator):
    """Ids of the next span, from the run that it is of: its trace can be found by who knows the run."""

    run = 0

    def generate_trace_id(self) -> int:
        """See the class."""
        return self.run

    def generate_span_id(self) -> int:
        """The random half."""
        return self.run & (1 << 64) - 1
