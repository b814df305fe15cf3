"""Imports: reading CSV, JSON lines and Excel files, checking their rows, and writing them."""
