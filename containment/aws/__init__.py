"""Everything that calls AWS: clients, endpoints, who is calling, waiting until a write shows."""
