"""A service of gadgets: the smallest that has every room."""
