"""Content: writing, validation, approval, rendering, and the message templates it uses."""
