"""Integrity rules of the ledger: what the tables promise, checked by queries."""
