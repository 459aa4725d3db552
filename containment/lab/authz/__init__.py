"""Decide what a call needs, and whether the caller may make it."""
