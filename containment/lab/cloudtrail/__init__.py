"""CloudTrail as AWS would write it: what is recorded, how it is delivered and looked up."""
