"""What images are made with, and what sets a system of containers up."""
