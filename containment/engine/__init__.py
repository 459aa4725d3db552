"""The Pulumi engine: found or built, checked for what it would start, and started."""
