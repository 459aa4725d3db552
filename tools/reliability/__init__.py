"""``make reliability``: break runs of the engine in every way, and see that nothing is lost."""
