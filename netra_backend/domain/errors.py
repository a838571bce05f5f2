"""What can be refused, as a tree. The wire's codes and close codes are mapped in `protocol/errors.py`.

NetraError
├── BadMessage          a frame that breaks the protocol; `path` says where
│   ├── UnknownType
│   ├── TooLarge
│   └── BadResume
├── Unauthenticated
├── Forbidden
├── NotFound            also for what belongs to somebody else
├── Conflict            `if_running: reject` met a running run
├── RateLimited         retryable; `retry_after_ms`
├── Busy                retryable; `retry_after_ms`
└── Degraded            retryable; a store is away
"""


class NetraError(Exception):
    """The request was refused.

    Attributes:
        code: stable, one of the wire's error codes.
        retryable: whether sending the same again later can succeed.
        retry_after_ms: the wait that the server asks for, in milliseconds, or None.
        path: where in the frame the mistake is (`$.payload.text`), or None.
    """

    code = "internal"
    retryable = False

    def __init__(
        self, message: str | None = None, *, retry_after_ms: int | None = None, path: str | None = None
    ) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.retry_after_ms = retry_after_ms
        self.path = path


class BadMessage(NetraError):
    """The frame is not a valid message."""

    code = "bad_message"


class UnknownType(BadMessage):
    """The frame's type is not known to this server."""

    code = "unknown_type"


class TooLarge(BadMessage):
    """The frame is larger than the server takes."""

    code = "too_large"


class BadResume(BadMessage):
    """The position to resume from is not one that a stream can have."""

    code = "bad_resume"


class Unauthenticated(NetraError):
    """The credentials are missing, expired or not valid."""

    code = "unauthenticated"


class Forbidden(NetraError):
    """This user may not do that."""

    code = "forbidden"


class NotFound(NetraError):
    """There is no such thing for this user."""

    code = "not_found"


class Conflict(NetraError):
    """The thread has a run that has not ended."""

    code = "conflict"


class RateLimited(NetraError):
    """Too many messages in a short time."""

    code = "rate_limited"
    retryable = True


class Busy(NetraError):
    """The server has too much to do just now."""

    code = "busy"
    retryable = True


class Degraded(NetraError):
    """A store is away; try again shortly."""

    code = "degraded"
    retryable = True
