"""Replays a recorded distribution: each person is answered as the record says."""
