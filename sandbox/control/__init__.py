"""The control API, outside the Graph paths: what a test orders and reads."""
