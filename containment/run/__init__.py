"""Run the ``pulumi`` executable, and report what it did and what it left.

``pulumi up`` and ``pulumi destroy`` alone do the whole job; what is here finds the stack, runs the
engine so that a change in flight is never cut off, and explains the outcome.
"""
