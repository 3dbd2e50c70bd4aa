"""What the renewals service remembers; all its SQL, by what it is about."""
