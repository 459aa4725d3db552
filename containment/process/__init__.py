"""How far an incident's process is: each step of the response plan, by evidence and no ticks."""
