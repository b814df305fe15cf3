"""The API: doors for other systems. Each calls what a person's page calls, and presents it."""
