"""The registry of `metrics` as OpenTelemetry's data model: the same families, labels and numbers.

There is one registry and two who read it; nothing is counted twice. Needs the extra `netra[otel]`, so only
who exports may import this.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
Labels = tuple[tuple[str, str], ...]


def metrics_data(
    registry: CollectorRegistry, *, resource: Resource, scope: InstrumentationScope, began: int, now: int
) -> MetricsData:
    """Everything in `registry`; `began` and `now` in nanoseconds since 1970."""
    metrics = [_metric(family, began, now) for family in registry.collect() if family.samples]
    scoped = ScopeMetrics(scope=scope, metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scoped], schema_url="")])


def _metric(family: Family, began: int, now: int) -> Metric:
    """A family under its own name. A collector adds `_total` and `_bucket` where Prometheus has them."""
    data: Gauge | Sum | Histogram
    match family.type:
        case "counter":
            points = list(_numbers(family.samples, began, now))
            data = Sum(points, aggregation_temporality=CUMULATIVE, is_monotonic=True)
        case "histogram":
            data = Histogram(list(_histograms(family, began, now)), aggregation_temporality=CUMULATIVE)
        case _:
            data = Gauge(list(_numbers(family.samples, began, now)))
    unit = "s" if family.name.endswith("_seconds") else "1"
    return Metric(name=family.name, description=family.documentation, unit=unit, data=data)


def _numbers(samples: Iterable[Sample], began: int, now: int) -> Iterator[NumberDataPoint]:
    for sample in samples:
        yield NumberDataPoint(
            attributes=dict(sample.labels),
            start_time_unix_nano=began,
            time_unix_nano=now,
            value=float(sample.value),  # one type a series, whatever was added last
        )


def _histograms(family: Family, began: int, now: int) -> Iterator[HistogramDataPoint]:
    """Prometheus counts up to each bound, OpenTelemetry between two."""
    series: dict[Labels, dict[str, float]] = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        suffix = sample.name.removeprefix(family.name)
        found = series.setdefault(tuple(labels.items()), {})
        found[sample.labels.get("le", suffix)] = sample.value
    for labels_, found in series.items():
        yield _histogram(dict(labels_), found, began, now)


def _histogram(
    labels: Mapping[str, str], found: Mapping[str, float], began: int, now: int
) -> HistogramDataPoint:
    upto = [(float(bound), int(count)) for bound, count in found.items() if not bound.startswith("_")]
    return HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=int(found["_count"]),
        sum=found["_sum"],
        bucket_counts=[upto[0][1], *(high - low for (_, low), (_, high) in pairwise(upto))],
        explicit_bounds=[bound for bound, _ in upto[:-1]],  # the last is infinite
        min=None,  # type: ignore[arg-type]  # not known, and optional on the wire
        max=None,  # type: ignore[arg-type]  # as above
    )
