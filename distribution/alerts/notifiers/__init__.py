"""Notifiers: each reports alerts to one kind of external system."""
