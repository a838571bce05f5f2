"""Netra's runtime: the message layer between browsers and AI agents.

Importing this package imports nothing else; start at `netra_backend.app` or `netra_backend.cli`.
"""

__version__ = "0.1.0"
