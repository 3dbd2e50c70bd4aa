"""The Helm chart, and what of it follows from the services' own code."""
