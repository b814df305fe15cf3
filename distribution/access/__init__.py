"""API tokens and rate limits: who may call, and how often."""
