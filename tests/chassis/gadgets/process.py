"""The command line of the gadgets service, found where those of real services are."""

from pathlib import Path

import services
from shared.chassis.commands import cli

if __name__ == "__main__":
    services.__path__.append(str(Path(__file__).parent.parent))
    cli("gadgets", "Gadgets.")()
