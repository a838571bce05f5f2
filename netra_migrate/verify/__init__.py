"""Says whether a migration is done: not what was changed, but what is there."""
