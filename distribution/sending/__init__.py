"""The hot path: claim a batch, call Meta, record the outcomes."""
