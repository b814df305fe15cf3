"""From a stored webhook to its effects: parsing, events, handlers."""
