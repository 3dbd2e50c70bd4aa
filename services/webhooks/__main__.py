"""The command line of the webhooks service."""

from shared.chassis import commands

app = commands.cli("webhooks", "Events for those without Kafka: signed, in order, until they took.")

if __name__ == "__main__":
    app()
