"""Senders: each hands a message to one kind of channel, and says how that went."""
