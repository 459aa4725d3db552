"""Worlds to contain incidents in, built in the lab's own process in moments."""
