"""What the shadow run says of two handlers. Values from messages are cut short here: reports are passed on."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What became of one message."""

    SAME = "same"
    DIFFERS = "differs"
    LEGACY_FAILED = "legacy-failed"
    """The legacy handler raised or died where the new one succeeded."""
    NEW_FAILED = "new-failed"
    """The new handler raised, died or returned False where the legacy one succeeded."""
    HOLLOW = "hollow-success"
    """The new handler says that all is well and did nothing, where the legacy one did something."""
    BOTH_HOLLOW = "both-hollow"
    """Both say that all is well and neither did anything: nothing was compared."""
    UNSTABLE = "unstable"
    """The legacy handler differs from itself in all that it does: there is nothing to hold the new one to."""
    TIMEOUT = "timeout"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to both sides. `source`: `path:line` of a recorded one, or `generated`."""

    source: str
    type: str
    content: Mapping[str, object]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place in which the effects differ. `legacy`, `canonical`: shortened; None where there is nothing."""

    path: str
    legacy: str | None
    canonical: str | None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One message and its verdict.

    Attributes:
        source, type: of the message.
        legacy, canonical: how each side ended, in words: `returned None`, `raised KeyError: …`, `timed out`.
        swallowed: exceptions that the legacy handler caught and went on from.
        effects: how many each side had, legacy first.
        differences: at most 20.
    """

    source: str
    type: str
    verdict: Verdict
    legacy: str
    canonical: str
    swallowed: tuple[str, ...] = ()
    effects: tuple[int, int]
    differences: tuple[Difference, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing stands against the new handler here."""
        return self.verdict in (Verdict.SAME, Verdict.LEGACY_FAILED, Verdict.BOTH_HOLLOW)

    @property
    def detail(self) -> str:
        """The differences as lines for people, `-` legacy and `+` canonical."""
        lines = [f"legacy {self.legacy}, canonical {self.canonical}"]
        for each in self.differences:
            lines += [each.path]
            lines += [f"  - {each.legacy}"] if each.legacy is not None else []
            lines += [f"  + {each.canonical}"] if each.canonical is not None else []
        return "\n".join(lines)


class ShadowReport(msgspec.Struct, frozen=True, kw_only=True):
    """All messages. `ignored`: paths in which the legacy handler differs from itself, and configured ones."""

    compared: tuple[Compared, ...]
    ignored: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether something was compared, and nothing stands against the new handlers."""
        return any(each.verdict is Verdict.SAME for each in self.compared) and all(
            each.good for each in self.compared
        )
