"""What Meta says about templates, numbers and accounts: our records follow, alerts and pauses too.

Notices by webhook and our own regular reading are applied by the same functions.
"""
