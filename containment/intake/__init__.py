"""From a signal to an incident spec: what was reported, who is meant, since when."""
