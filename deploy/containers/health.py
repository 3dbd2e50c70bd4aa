"""Ends with 0 if what runs in this container says that it is ready, else with 1.

Without an argument it is the service; else what listens on the port that the argument names.
"""

import os
import socket
import sys

SECONDS = 4


def port() -> int:
    """Where it listens; a service is told so by the same variable."""
    if len(sys.argv) > 1:
        return int(sys.argv[1])
    return int(os.environ.get(f"{os.environ['SERVICE'].upper()}_HTTP_PORT") or 8000)


def ready(port: int) -> bool:
    """Whether `/readyz` answers 200. Without `http.client`, whose import takes longer than this."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(
                b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )
            return connection.recv(64).split(b" ", 2)[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if ready(port()) else 1)
