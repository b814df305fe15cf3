"""Outgoing events: copied from the outbox for each subscription, signed, posted and retried.

Deliveries run in a background thread, so that a dead, slow or hostile receiver never delays the
sending of messages.
"""
