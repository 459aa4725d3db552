"""Driving the ``pulumi`` executable, and telling what it left behind in words.

``pulumi up`` and ``pulumi destroy`` alone do the whole job; what is here finds the stack, runs the
engine so that a change in flight is never cut off, and explains the outcome.
"""
