"""What Prometheus scrapes: figures that the keeper stores, and a few small tables.

Nothing here decides anything, and no scrape counts deliveries.
"""
