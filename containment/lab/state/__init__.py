"""Keep the state of every account: moto's backends, AWS's own facts, quotas and the clock."""
