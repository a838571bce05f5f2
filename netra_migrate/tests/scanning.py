"""Two small modules to migrate between, for tests of scans and plans: their text and their configuration."""

import ast
from collections.abc import Callable
from textwrap import dedent

from netra_migrate.configuration import CanonicalSide, Configuration, LegacySide

CONFIGURATION = Configuration(
    legacy=LegacySide(module="app.old"), canonical=CanonicalSide(module="app.new", base="BaseHandler")
)


def tree(text: str) -> ast.Module:
    """The syntax tree of an indented text."""
    return ast.parse(dedent(text))


def names(**known: str) -> Callable[[str], str]:
    """A `resolve`: first parts of dotted names to absolute ones, unknown names as they are."""

    def resolve(name: str) -> str:
        first, dot, rest = name.partition(".")
        return known.get(first, first) + dot + rest

    return resolve
