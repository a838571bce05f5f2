"""The use cases of the command line: one function a command, outcomes as values."""
