"""Exit codes and errors of every command."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    ROLLED_BACK = 3
    """The target's validation failed and its files are as they were."""
    INTERNAL = 4


class MigrationError(Exception):
    """A mistake that people can mend; its text is one plain sentence that says how."""

    code = Exit.USAGE


class ConfigurationError(MigrationError):
    """`migration.toml` is wrong; the text starts with the key's path."""


class TreeError(MigrationError):
    """The tree cannot be worked on as it is: uncommitted changes, another run, changed under our feet."""


class ValidationFailed(MigrationError):
    """The target's validation failed newly; everything was put back."""

    code = Exit.ROLLED_BACK
