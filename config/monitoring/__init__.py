"""Health endpoints and report, metrics, error reports, queue lengths and worker heartbeats."""
