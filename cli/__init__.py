"""The ``containment`` command: one file a verb, each calling the library."""
