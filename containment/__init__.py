"""Leaked cloud credentials, contained as code."""
