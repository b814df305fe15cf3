"""What messages cost: rates, the charge of each message, sums, estimates, category risk."""
