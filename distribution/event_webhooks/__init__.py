"""Outgoing events: from the outbox to each listener's own copy, signed, posted, tried again.

It runs beside everything else, in a thread of its own: a receiver that is dead, slow or hostile
costs the morning nothing.
"""
