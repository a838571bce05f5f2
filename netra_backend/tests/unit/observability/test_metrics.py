from prometheus_client.parser import text_string_to_metric_families

from netra_backend.observability.metrics import MAX_LABELS, create_metrics


def test_every_metric_is_exported_and_counts() -> None:
    """By name, in Prometheus' format, as an independent parser reads it."""
    metrics = create_metrics()
    metrics.connections.inc()
    metrics.queue_depth.labels("queued").set(7)
    metrics.frames_in.inc("ping")
    metrics.frames_in.inc("ping", 2)
    metrics.accept_latency.observe(0.003)
    families = {each.name: each for each in text_string_to_metric_families(metrics.text().decode())}
    assert families.keys() == {
        "netra_connections",
        "netra_slow_connections",
        "netra_outbox_bytes",
        "netra_running_runs",
        "netra_queue_depth",
        "netra_queue_lanes",
        "netra_frames_in",
        "netra_frames_out",
        "netra_events",
        "netra_runs",
        "netra_run_failures",
        "netra_errors",
        "netra_resumes",
        "netra_slow_closes",
        "netra_accept_latency_seconds",
        "netra_run_duration_seconds",
    }
    (ping,) = [each for each in families["netra_frames_in"].samples if each.name.endswith("_total")]
    assert (ping.labels, ping.value) == ({"type": "ping"}, 3)
    assert families["netra_queue_depth"].samples[0].value == 7


def test_two_sets_do_not_share_numbers() -> None:
    """Each has its own registry, so tests and processes do not meet."""
    first, second = create_metrics(), create_metrics()
    first.frames_out.inc()
    assert b"netra_frames_out_total 0.0" in second.text()


def test_labels_are_bounded() -> None:
    """A client that makes up types fills no memory; the count is kept."""
    metrics = create_metrics()
    for number in range(MAX_LABELS + 100):
        metrics.frames_in.inc(f"made_up_{number}")
    text = metrics.text().decode()
    assert text.count("netra_frames_in_total{") == MAX_LABELS + 1
    assert 'netra_frames_in_total{type="other"} 100.0' in text
