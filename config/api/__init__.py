"""API resources of the whole service: routes, health and queues."""
