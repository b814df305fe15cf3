"""Read-only figures: counts, rollups, time series."""
