"""Attempts: their names, how they end, and the records kept of them."""
