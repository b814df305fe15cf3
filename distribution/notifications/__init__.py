"""Messages to staff: who gets which, and the rows that are written with the change itself."""
