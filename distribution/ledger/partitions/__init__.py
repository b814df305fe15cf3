"""Deliveries in partitions: the conversion, partitions ahead, and the drop of old ones."""
