"""The periodic work, run by Celery's tick or, without Celery, by the keeper."""
