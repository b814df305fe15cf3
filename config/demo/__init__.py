"""One whole morning on real parts: what `manage.py demo` prepares, watches and reports."""
