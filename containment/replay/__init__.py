"""What planned policies would have refused of the calls that CloudTrail recorded. Reads only."""
