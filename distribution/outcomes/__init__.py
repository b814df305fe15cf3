"""What Meta reported about a delivery, and what to conclude when it reported nothing."""
