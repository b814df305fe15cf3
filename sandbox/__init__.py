"""A stand-in for Meta's WhatsApp Cloud API: its own process, reached by URL only."""
