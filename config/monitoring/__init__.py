"""Health, metrics, error reports and queue lengths."""
