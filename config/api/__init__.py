"""What of the API looks at the whole house: its routes, its document, health and queues."""
