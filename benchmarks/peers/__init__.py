"""Measures Netra beside comparable products, each on its own ground: `python -m benchmarks.peers`."""
