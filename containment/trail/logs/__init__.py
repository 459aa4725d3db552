"""Read log files: from bytes, in any container, to CloudTrail records."""
