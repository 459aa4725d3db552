"""Engines that hold a CloudTrail table: each executes statements and yields rows."""
