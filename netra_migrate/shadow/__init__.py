"""Shadow runs: both handlers get the same messages in processes of their own, and what they do is compared.

The contract of the factories named in `[shadow]` stands in `child.py`, which runs in the target's Python.
"""
