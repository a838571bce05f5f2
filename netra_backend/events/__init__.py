"""What happened, durably and live: the event log on PostgreSQL, the feed and live text on Valkey."""
