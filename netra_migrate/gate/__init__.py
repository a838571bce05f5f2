"""The performance gate: paired runs of before and now, a rank test, and a verdict. Never a fixed time."""
