"""What the service remembers: the replica of others' data, and the ledger of messages."""
