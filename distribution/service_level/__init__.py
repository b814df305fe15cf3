"""Whether a distribution met its service level."""
