"""Every error this client raises.

    NetraError
    ├── ConnectFailed           nothing answers at the address, or it is not a Netra server
    ├── AuthenticationFailed    the token or the password is refused
    ├── ConnectionClosedForGood the server closed with a code after which one must not come back
    ├── ServerError             the server answered a frame with `error`
    ├── ResyncRequired          events were lost for good; reload the history
    ├── MalformedFrame          the server sent a frame that is not on the wire's page
    ├── FrameTooLarge           the frame is larger than the server accepts; it was not sent
    └── ClientClosed            the client is closed, or was never opened

A message never holds a token, a password or the text of a chat message.
"""


class NetraError(Exception):
    """Something went wrong between this client and a Netra server."""


class ConnectFailed(NetraError):
    """Nothing that speaks `netra.v1` answers at the address."""


class AuthenticationFailed(NetraError):
    """The server refuses the token or the password."""


class ConnectionClosedForGood(NetraError):
    """The server closed the connection and asks not to come back.

    Attributes:
        code: the close code, 4500-4999, or one of RFC 6455 that says we broke the protocol.
        reason: the server's words, possibly empty.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(
            f"The server closed the connection for good ({code}{': ' + reason if reason else ''})."
        )
        self.code = code
        self.reason = reason


class ServerError(NetraError):
    """The server answered one frame with `error`; the connection lives on.

    Attributes:
        code: one of the wire's error codes, e.g. `not_found`.
        retryable: whether the same frame, with the same id, may succeed later.
        retry_after_ms: how long to wait before that, in milliseconds, when the server knows.
        path: where in the frame the fault is, for `bad_message`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.path = path


class ResyncRequired(NetraError):
    """Events were lost for good while a run was watched; reload the thread's history."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Events were lost ({reason}); reload the thread's history.")
        self.reason = reason


class MalformedFrame(NetraError):
    """The server sent a frame of a known type that does not have that type's shape."""


class FrameTooLarge(NetraError):
    """The frame is larger than the server accepts; shorten the message."""


class ClientClosed(NetraError):
    """The client is not open; use it inside `async with`."""
