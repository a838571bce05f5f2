"""A chat in the terminal on `NetraClient`; the only part of the package that needs `rich`."""

from netra_client.terminal.chat import chat

__all__ = ["chat"]
