"""How connections do, as a gateway measures it and operators read it."""

import msgspec


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection does. Sizes in bytes, times in seconds."""

    connection_id: str
    user_id: str
    connected_s: float
    frames_sent: int
    bytes_sent: int
    bytes_waiting: int
    waiting_s: float
    slow: bool
