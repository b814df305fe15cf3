"""Message templates, and whether what a send passes fits into one."""
