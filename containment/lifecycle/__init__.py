"""The contract of an action, and what every lift goes through, whichever action it is of."""
