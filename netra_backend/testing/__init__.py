"""Test helpers that are shipped: memory adapters, a fake clock, a recording context, a whole server."""
