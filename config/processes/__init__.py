"""The process launcher of `manage.py up`, the demo and the fault tests: development only."""
