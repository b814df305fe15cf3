"""Setting up the WhatsApp account: one list of checks for the command, the pages and `check`."""
