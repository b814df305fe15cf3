"""Threads, broker, database connections and caches: what has nothing to do with distributions."""
