"""The ``containment`` command: a skin over the library, one file a verb."""
