"""Agents of the chat service."""
