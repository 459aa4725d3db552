"""IAM's policy language and its decision, as pure functions over values: no state, no clock."""
