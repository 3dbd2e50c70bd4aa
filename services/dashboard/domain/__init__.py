"""What the dashboard works out from what it knows; pure."""
