"""What can go wrong in a handler."""


class ChatError(Exception):
    """Base of the service's own errors."""


class QuotaExceeded(ChatError):
    """The user has sent enough for today."""


class InvalidPayload(ChatError):
    """The payload lacks something."""
