"""API tokens and the counters of their rate limits."""
