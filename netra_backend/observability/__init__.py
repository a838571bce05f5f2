"""What people see of a running Netra: logs and metrics. Imports nothing else of this package."""
