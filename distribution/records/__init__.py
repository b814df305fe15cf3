"""Signed, verifiable records of distributions, in which single people can still be erased."""
