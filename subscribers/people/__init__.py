"""What happens to one subscriber: registration, corrections, status changes, erasure, export."""
