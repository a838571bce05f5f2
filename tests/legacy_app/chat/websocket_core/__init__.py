"""Canonical socket handling: Netra's gateway and handlers."""
