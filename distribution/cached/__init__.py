"""What pages and API keep in memory until the tables it was read from are written.

Nothing that sends, opens, checks or judges imports this package: those read the tables.
"""
