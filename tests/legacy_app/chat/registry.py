"""Which class handles which message type. Handlers register their types when their module is imported."""

CLAIMS: dict[str, type] = {}


def register_handler(message_type: str, handler: type) -> None:
    """Let `handler` handle messages of a type from now on."""
    CLAIMS[message_type] = handler
