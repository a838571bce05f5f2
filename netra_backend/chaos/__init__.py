"""Instruments for breaking a deployment and proving what it kept: a fault proxy, recording clients, a checker.

They know the wire and the schema, never the server's code: what judges must not share a mistake with what is
judged.
"""
