"""The two addresses of a server, from the one that a person types."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_WS_OF = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP_OF = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is; `socket` ends in `/ws`, `http` has no slash at its end."""

    socket: str
    http: str


def parse_address(url: str) -> Address:
    """Accept `http(s)://host[/path]` and `ws(s)://host[/path]/ws`.

    Raises:
        ValueError: another scheme, no host, or something that may be a secret in the address.
    """
    parts = urlsplit(url)
    if parts.scheme not in _WS_OF or not parts.hostname:
        raise ValueError("The address must look like http://127.0.0.1:8000.")
    if parts.query or parts.fragment or parts.username or parts.password:
        # Addresses are logged all along the way; the server refuses a token in one.
        raise ValueError("The address must not hold a password, a query or a fragment; give the token apart.")
    scheme = _WS_OF[parts.scheme]
    base = parts.path.rstrip("/").removesuffix("/ws")
    return Address(
        socket=urlunsplit((scheme, parts.netloc, f"{base}/ws", "", "")),
        http=urlunsplit((_HTTP_OF[scheme], parts.netloc, base, "", "")),
    )
