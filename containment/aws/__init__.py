"""AWS at arm's length: clients, endpoints, who is calling, and waiting for a write to show."""
