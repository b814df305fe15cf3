"""From the HTTP request to a stored webhook: body, signature, storage."""
