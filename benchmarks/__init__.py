"""Measures Netra against its targets and against a bare server, in one run: `python -m benchmarks`."""
