"""Evaluate IAM policies: a pure function of documents and a request."""
