"""One success criterion: what was measured, what is wanted, and who measured it. Decides nothing else."""

import msgspec


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """A criterion of the mission or of the test plan.

    Attributes:
        value: in `unit`; None where nothing measured it, which is not the same as met.
        target: at most that, or at least that if `more_is_better`.
        below: the target itself is too much already ("under 2 s", "below 0.1 %").
        source: which command or measurement gave the value.
        note: how much was measured, or what to do where nothing was.
    """

    name: str
    value: float | None
    unit: str
    target: float
    more_is_better: bool = False
    below: bool = False
    source: str
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        if self.value is None:
            return False
        if self.more_is_better:
            return self.value >= self.target
        return self.value < self.target if self.below else self.value <= self.target

    @property
    def verdict(self) -> str:
        """For people."""
        if self.value is None:
            return "not measured"
        return "met" if self.met else "MISSED"

    @property
    def wanted(self) -> str:
        """The target in words."""
        if self.more_is_better:
            return f"at least {self.target:g} {self.unit}".rstrip()
        if self.below:
            return f"below {self.target:g} {self.unit}"
        return f"at most {self.target:g} {self.unit}".rstrip() if self.target else "none"


def share(part: int, whole: int) -> float | None:
    """Percent; None of nothing, which is neither all nor none."""
    return 100 * part / whole if whole else None
