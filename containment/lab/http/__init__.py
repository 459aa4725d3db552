"""Take HTTP requests in and send answers out, with faults and enforcement lag on demand."""
