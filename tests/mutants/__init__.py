"""Mutation testing: `python -m tests.mutants` breaks the code in one place at a time and asks whether a test sees it.

No library, because those that are fast enough change functions only; what this code promises to browsers stands in
class bodies (limits, tags, unknown fields) and in tables.
"""
