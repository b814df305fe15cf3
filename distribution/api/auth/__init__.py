"""Authentication, scopes, throttling, idempotency and audit of API calls."""
