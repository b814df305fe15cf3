"""Process launcher for development: `manage.py up`, the demo, the fault tests and benchmarks.

Production runs the same commands under docker-compose or systemd. This package is frozen: it only
changes when one of these uses needs it.
"""
