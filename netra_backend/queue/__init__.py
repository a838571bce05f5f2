"""The runs table as a priority queue: claim, lease, retry, dead letter."""
