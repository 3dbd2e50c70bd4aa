"""The command line of the webhooks service."""

from shared.chassis import commands

app = commands.cli("webhooks", "Events for those without Kafka: signed, in order, until they took.")
commands.add_export(app, "webhooks", secret=("endpoints.secret", "endpoints.secret_before"))

if __name__ == "__main__":
    app()
