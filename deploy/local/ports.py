"""Which ports are free, and what to say when one is not."""

import socket

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - in a container, which decides by itself whom it lets in
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")  # as a Host header says them


class PortTakenError(Exception):
    """A port that is needed is in use. Says who needs it and what setting changes it."""

    def __init__(self, name: str, port: int, setting: str | None) -> None:
        remedy = f" Set {setting}=<a free port> to use another." if setting else ""
        super().__init__(f"{name} needs port {port} on {LOOPBACK}, which is taken.{remedy}")
        self.port, self.setting = port, setting


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def require_free(name: str, port: int, setting: str | None = None) -> None:
    """Raise PortTakenError if the port can't be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortTakenError(name, port, setting) from error


def is_open(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0
