"""Scripts of the chat service."""
