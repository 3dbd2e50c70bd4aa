"""How Kafka is reached, and as whom."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

Protocol: TypeAlias = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism: TypeAlias = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]
_CLASSES = {
    "SCRAM-SHA-512": "SASLScram512",
    "SCRAM-SHA-256": "SASLScram256",
    "PLAIN": "SASLPlaintext",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The way to Kafka of a process: in the clear or not, by a password, a certificate or neither.

    ``client`` is what the broker's logs, metrics and quotas know the process by.
    """

    servers: str
    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    client: str = "partner-tools"

    @classmethod
    def to(cls, servers: "str | Access") -> "Access":
        """The access that bootstrap servers alone mean."""
        return servers if isinstance(servers, Access) else cls(servers=servers)

    @property
    def named(self) -> str | None:
        """As whom, where that is said."""
        if self.certificate_file:
            return str(self.certificate_file)
        return self.username

    def client_id(self, part: str) -> str:
        """What a part of the process calls itself."""
        return f"{self.client}.{part}"

    def options(self, part: str) -> dict[str, Any]:
        """What a client of aiokafka is told. Raises OSError where a file cannot be used."""
        told: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "client_id": self.client_id(part),
            "security_protocol": self.protocol,
            "ssl_context": self.tls(),
        }
        if self.protocol.startswith("SASL"):
            told["sasl_mechanism"] = self.mechanism
            told["sasl_plain_username"] = self.username
            told["sasl_plain_password"] = self.password
        return told

    def security(self) -> "BaseSecurity":
        """What FastStream is told. Raises OSError where a file cannot be used."""
        from faststream import security  # slow to import

        tls = self.tls()
        encrypted = tls is not None
        if not self.protocol.startswith("SASL"):
            return security.BaseSecurity(ssl_context=tls, use_ssl=encrypted)
        made: BaseSecurity = getattr(security, _CLASSES[self.mechanism])(
            self.username or "", self.password or "", ssl_context=tls, use_ssl=encrypted
        )
        return made

    def tls(self) -> ssl.SSLContext | None:
        """What connections are encrypted with, if they are. Raises OSError for a bad file."""
        if not self.protocol.endswith("SSL"):
            return None
        context = _Renewing(ssl.PROTOCOL_TLS_CLIENT)
        context.files = self
        context.read()
        return context


def check(access: Access) -> None:
    """Raise ValueError, with the variable and what is wrong, for an access that cannot be meant."""
    protocol = f"KAFKA_SECURITY_PROTOCOL is {access.protocol}"
    said = {
        "KAFKA_CA_FILE": access.ca_file,
        "KAFKA_CERTIFICATE_FILE": access.certificate_file,
        "KAFKA_KEY_FILE": access.key_file,
    }
    by_password, encrypted = access.protocol.startswith("SASL"), access.protocol.endswith("SSL")
    if by_password and not (access.username and access.password):
        missing = "KAFKA_PASSWORD" if access.username else "KAFKA_USERNAME"
        raise ValueError(f"{missing} is not set: {protocol}, which needs a user and a password")
    if access.username and not by_password:
        raise ValueError(f"KAFKA_USERNAME is set for nothing: {protocol}, without SASL")
    for name, path in said.items():
        if path and not encrypted:
            raise ValueError(f"{name} is set for nothing: {protocol}, without SSL")
        if path and not path.is_file():
            raise ValueError(f"{name} is {str(path)!r}: there is no such file")
    if bool(access.certificate_file) is not bool(access.key_file):
        missing = "KAFKA_KEY_FILE" if access.certificate_file else "KAFKA_CERTIFICATE_FILE"
        raise ValueError(f"{missing} is not set: a certificate and its key go together")
    try:
        access.tls()
    except OSError as error:
        names = ", ".join(name for name, path in said.items() if path)
        raise ValueError(f"{names} cannot be used: {error}") from None


class _Renewing(ssl.SSLContext):
    """Reads its files again when they have changed, for each new connection.

    A certificate lives for weeks, a process for months, and the clients keep the context that
    they were made with.
    """

    files: Access
    _read: tuple[int, ...] = ()

    def read(self) -> None:
        """Take what the files hold now."""
        read, files = self._changed(), self.files
        if files.ca_file:
            self.load_verify_locations(cafile=files.ca_file)
        else:
            self.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if files.certificate_file:
            # Without a password OpenSSL would ask for one at the terminal.
            self.load_cert_chain(
                files.certificate_file, files.key_file, password=files.key_password or ""
            )
        self._read = read  # half renewed, they are refused and read again

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Start a connection, as asyncio does."""
        if self._changed() != self._read:
            self.read()
        return super().wrap_bio(*args, **options)

    def _changed(self) -> tuple[int, ...]:
        named = (self.files.ca_file, self.files.certificate_file, self.files.key_file)
        return tuple(each.stat().st_mtime_ns for each in named if each)
