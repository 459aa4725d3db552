"""The guard: a service control policy on the account, which nobody in the account can take off."""
