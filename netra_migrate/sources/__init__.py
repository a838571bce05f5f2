"""The target's tree: what belongs to it, what its modules are called, reading and writing its files."""
