"""A chat service with agents, halfway from its first socket handlers to its second."""
