"""The success criteria of Netra, measured: `python -m benchmarks.criteria`."""
