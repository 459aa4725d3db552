"""Decide who calls: signatures, access keys, sessions and federated identities."""
