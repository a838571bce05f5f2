"""Who is asking: keys, tokens, users, sessions, origins. Knows nothing of HTTP or sockets."""
