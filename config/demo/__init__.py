"""`manage.py demo`: prepares, runs and reports a complete daily distribution."""
