"""The migration kit: moves a code base from a legacy handler module to a canonical one.

It works on any pair of modules and never imports `netra_backend`.
"""
