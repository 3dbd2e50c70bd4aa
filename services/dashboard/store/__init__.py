"""What the dashboard remembers, and all its SQL."""
