"""Deliveries, attempts and events: the only writers of what happened."""
