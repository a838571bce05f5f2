"""What the scan found, and where. Values only."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that must be mended, or excused in the scan's own lists with a reason. Holds no secret."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"
