"""Runs agents: claims runs, gives agents their context, reports what happens. Opens no socket to users."""
