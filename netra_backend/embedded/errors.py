"""The one error of the embedded servers. Its message is a plain sentence that says what to do."""


class EmbeddedError(Exception):
    """An embedded server could not be started or used; the message says what the person can do."""
