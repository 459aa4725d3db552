"""The answer of a trace on paper, on a screen, in a table, in a browser and back in the spec."""
