"""What will happen in a schedule, drawn from its seed before it begins: deeds of people, and faults.

Plain data, so that a fault can be left out and the same schedule run again.
"""

from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded by the caller

WORLDS = (
    ("gateway-1", "gateway-2", "worker-1", "worker-2"),
    ("serve-1",),
    ("serve-1", "serve-2"),
    ("serve-1", "gateway-1", "worker-1"),
)
"""The processes of an installation. `serve` is gateway and worker in one, as `netra serve` starts it."""
SLOTS = (1, 2, 3)
"""Runs at once of a worker: few, so that runs also wait for a free slot."""
TABS = ("acme/ada/1", "acme/ada/2", "acme/bob/1", "globex/ada/1")
"""Two tabs of one user, her neighbour, and the same user name in another tenant."""

ACTIVE_S = 5.0
"""Virtual seconds in which deeds and faults begin."""
MAX_DEEDS = 16
MAX_FAULTS = 6
CALM = 0.25
"""How many schedules are without faults: then runs must also be prompt."""
ANY_S = (0.05, 0.5, 2.0, 5.0, 8.0)
LONG_S = (0.5, 5.0, 8.0)
"""How long a fault lasts, give or take a half: a pause is dangerous when it outlasts a lease."""

AGENTS = ("quick", "quick", "tools", "tools", "long", "failing", "broken", "waiting", "poison")
"""What is asked of which agent; see `agents.py`. Twice means twice as often."""
DEEDS = ("say",) * 6 + ("start", "stop", "stop", "repeat", "history", "threads", "follow", "unfollow")
SMALL_DEEDS = ("ping", "typing", "pry", "resume")

WORKER_FAULTS = frozenset(
    {"crash", "pause", "drain", "store_refuses", "store_forgets", "store_slow", "store_late"}
)
"""Faults after which a run may need a second attempt."""
FAULTS = (
    *("crash",) * 4,
    *("pause",) * 3,
    "drain",
    "skew",
    "store_refuses",
    "store_forgets",
    "store_slow",
    "store_late",
    "feed_drops",
    "feed_drops",
    "feed_repeats",
    "feed_delays",
    "feed_away",
    "feed_emptied",
    "cut",
    "cut",
    "half_open",
    "slow_reader",
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a tab does `at` a time; `pick` chooses among what it then knows, from 0 to 1."""

    at: float
    tab: str
    kind: str
    pick: float
    agent: str
    if_running: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong `at` a time.

    Args:
        target: a process, a tab, or "" for all.
        seconds: how long, or until the restart.
        amount: a probability; of `crash` and `pause`, the callbacks that are still run.
    """

    at: float
    kind: str
    target: str
    seconds: float
    amount: float

    def __str__(self) -> str:
        return f"{self.at:.3f} s: {self.kind} {self.target or 'all'} {self.seconds:.2f} s {self.amount:.2f}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule."""

    seed: int
    hosts: tuple[str, ...]
    slots: int
    deeds: tuple[Deed, ...]
    faults: tuple[Fault, ...]
    patience: float
    """Seconds until the first frame of a tab; longer than `start_silence_s` in some schedules."""


def draw(seed: int) -> Plan:
    """The schedule of a seed."""
    chance = Random(f"plan {seed}")  # noqa: S311 - a test's dice
    hosts = chance.choice(WORLDS)
    deeds = [_deed(chance) for _ in range(chance.randint(4, MAX_DEEDS))]
    number = 0 if chance.random() < CALM else chance.randint(1, MAX_FAULTS)
    faults = [_fault(chance, hosts) for _ in range(number)]
    return Plan(
        seed=seed,
        hosts=hosts,
        slots=chance.choice(SLOTS),
        deeds=tuple(sorted(deeds, key=lambda deed: deed.at)),
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        patience=chance.choice((0.0, 0.0, 0.3, 1.5)),
    )


def _deed(chance: Random) -> Deed:
    kind = chance.choice(DEEDS if chance.random() < 0.8 else SMALL_DEEDS)
    return Deed(
        at=chance.random() ** 2 * ACTIVE_S,  # more at the beginning: runs then meet the faults
        tab=chance.choice(TABS),
        kind=kind,
        pick=chance.random(),
        agent=chance.choice(AGENTS),
        if_running=chance.choice(("enqueue", "enqueue", "enqueue", "reject", "interrupt")),
    )


def works(host: str) -> bool:
    """Whether a process of this name executes runs."""
    return not host.startswith("gateway")


def serves(host: str) -> bool:
    """Whether a process of this name takes sockets."""
    return not host.startswith("worker")


def _fault(chance: Random, hosts: tuple[str, ...]) -> Fault:
    kind = chance.choice(FAULTS)
    amount = chance.choice((0.2, 0.5, 1.0))
    if kind in ("crash", "pause"):
        target, amount = chance.choice((*hosts, *filter(works, hosts))), float(chance.randint(1, 40))
    elif kind in ("drain", "skew"):
        target, amount = chance.choice(hosts), chance.choice((-3600.0, 3600.0))
    elif kind.startswith("store"):
        target = chance.choice(("", *hosts))
    elif kind.startswith("feed"):
        target = ""
    else:
        target = chance.choice(TABS)
    seconds = chance.choice(LONG_S if kind == "pause" else ANY_S) * (0.5 + chance.random())
    return Fault(
        at=chance.random() * ACTIVE_S,
        kind=kind,
        target=target,
        seconds=seconds,
        amount=amount,
    )
