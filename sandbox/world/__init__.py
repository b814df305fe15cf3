"""The platform's state."""
