"""Content: validation, approval, rendering, and the message templates it uses."""
