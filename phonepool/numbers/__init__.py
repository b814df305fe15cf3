"""The phone numbers of the pool: selection, reservation, health, breakers and retry budget."""
