"""Alerts and who is notified of them."""
