"""A believable portfolio that never was, told as events: for the tests of those who listen."""
