"""Tags for the admin's lists."""
