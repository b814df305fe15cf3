"""Where alerts are sent to."""
