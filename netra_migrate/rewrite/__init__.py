"""The rewrite engine: a file's bytes in, `Rewritten` or `Refused` out. Reads and writes no files."""

from netra_migrate.rewrite.engine import adapt, rewrite

__all__ = ["adapt", "rewrite"]
