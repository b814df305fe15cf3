"""POST /{phone-number-id}/messages."""
