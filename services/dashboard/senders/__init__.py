"""The outside that is not Kafka: the issuer of tokens, and the services that own things."""
