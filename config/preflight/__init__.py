"""The preflight: everything tested before a morning, with real test messages."""
