"""What the benchmark asks of the load generator's process and what it reports, as JSON lines."""

from typing import Literal

import msgspec

Token = str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One load.

    Attributes:
        mode: `closed`: each user sends when the last run ended; `paced`: at times fixed in advance;
            `idle`: connections are opened and held until a line on standard input asks for pings;
            `storm`: connections are opened and held; after a line on standard input some send a
            message, and all come back to `next_url` when they are cut off.
        url: `ws://host:port/ws`; only 127.0.0.1 is meant.
        next_url: storm only: where the connections come back to.
        tokens: one connection a token.
        warmup: runs before the measurement begins.
        runs: runs measured.
        interval_s: paced only: seconds between two messages of one user.
        verify_every: every so many runs of a user, all frames of one are decoded and checked.
        patience_s: the load gives up after this long.
    """

    mode: Literal["closed", "paced", "idle", "storm"]
    url: str
    tokens: list[Token]
    next_url: str = ""
    warmup: int = 0
    runs: int = 0
    interval_s: float = 0.25
    verify_every: int = 20
    patience_s: float = 120.0


class Phase(msgspec.Struct, frozen=True, tag="phase"):
    """The load reached a point at which the benchmark reads meters."""

    name: Literal["begin", "end", "held", "answered"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag="outcome"):
    """What was measured. Durations are in seconds.

    Attributes:
        elapsed_s: first to last measured run.
        firsts: send to `agent_started`, a value a run; storm: cut off to `resumed`, a value a connection.
        wholes: send to `agent_completed`, a value a run.
        late_s: how late the generator itself sent, at worst; included in the durations.
        frames: frames received a run, on average.
        verified: runs of which every frame was decoded and checked.
        wrong: what was not as it must be; the benchmark is void if there is anything.
        connections: that were open at the end.
    """

    elapsed_s: float = 0.0
    firsts: list[float] = []
    wholes: list[float] = []
    late_s: float = 0.0
    frames: float = 0.0
    verified: int = 0
    wrong: list[str] = []
    connections: int = 0


Report = Phase | Outcome
