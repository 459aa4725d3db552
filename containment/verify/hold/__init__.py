"""Keep an incident contained against somebody who undoes it."""
