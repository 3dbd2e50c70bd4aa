"""What the webhooks service remembers; all its SQL.

Whoever locks takes endpoints first, then queues by endpoint and key, then deliveries.
"""
