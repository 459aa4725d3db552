"""Answer IAM's operations."""
