"""The command line of the dashboard."""

from shared.chassis import commands

app = commands.cli("dashboard", "The page of the partner's people, and what it shows.")


if __name__ == "__main__":
    app()
