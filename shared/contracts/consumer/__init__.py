"""What a consumer of the events needs, whichever Kafka client it uses."""
