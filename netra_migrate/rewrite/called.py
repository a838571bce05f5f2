"""What something is called in the end, whatever it is reached through: `patch` of `unittest.mock.patch`."""

import libcst as cst

from netra_migrate.rewrite.code import dotted


def last_name(node: cst.CSTNode) -> str:
    """The last part of a dotted name; empty for what is no name."""
    return (dotted(node) or "").rpartition(".")[2]
