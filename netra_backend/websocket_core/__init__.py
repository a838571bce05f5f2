"""The gateway: one WebSocket a browser, one handler interface. Knows ports, never drivers."""
