"""Derive from the facts which credentials and principals came out of the traced one."""
