"""What every HTTP answer of the web process has in common."""
