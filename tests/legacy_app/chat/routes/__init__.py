"""Routes of the chat service."""
