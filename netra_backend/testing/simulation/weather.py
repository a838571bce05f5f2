"""What goes wrong on the network just now, and how long its round trips take."""

from random import Random  # noqa: TID251 - seeded by the caller


class Weather:
    """What the network does just now: probabilities by fault and process ("" for all)."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._odds: dict[tuple[str, str], float] = {}

    def set(self, kind: str, target: str, probability: float) -> None:
        """From now on; 0 ends it."""
        self._odds[kind, target] = probability
        if not probability:
            del self._odds[kind, target]

    def clear(self) -> None:
        """All is well from now on."""
        self._odds.clear()

    def strikes(self, kind: str, target: str) -> bool:
        """Whether this fault happens here and now."""
        if not self._odds:
            return False
        odds = max(self._odds.get((kind, ""), 0.0), self._odds.get((kind, target), 0.0))
        return odds > 0 and self._chance.random() < odds

    def latency(self) -> float:
        """Seconds of a healthy round trip; often none, for then only the order of things decides."""
        return 0.0 if self._chance.random() < 0.7 else self._chance.random() ** 4 * 0.05

    def long(self, most: float) -> float:
        """Some seconds, at most `most`."""
        return self._chance.random() * most
