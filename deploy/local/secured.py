"""A broker that lets nobody do what was not granted: passwords, certificates, default deny."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local import ports
from deploy.local.certificates import Authority
from shared.chassis.access import Access

ADMIN = "admin"  # may do everything, as may the broker itself
_BROKER = "broker"
_LISTENERS = """\
listeners=SASL_SSL://{host}:{port},SSL://{host}:{tls_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=SASL_SSL://{host}:{port},SSL://{host}:{tls_port}
listener.security.protocol.map=CONTROLLER:SSL,SASL_SSL:SASL_SSL,SSL:SSL
inter.broker.listener.name=SSL
listener.name.ssl.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={login}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={login}
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.crt
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{admin};User:{broker}
"""


class Secured:
    """Who may come in: users by password (SCRAM), and by certificate on a port of its own.

    A certificate says the same names as the passwords: its common name is the user.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        *,
        tls_port: int,
        second: Mapping[str, str] | None = None,
    ) -> None:
        """``passwords`` are those of the users; one of them has to be `ADMIN`.

        A ``second`` password is that of the same user by the other mechanism, SCRAM-SHA-256.
        """
        self.passwords, self.second, self.tls_port = passwords, second or {}, tls_port
        self._authority = Authority()

    def prepare(self, folder: Path) -> None:
        """Write the broker's certificate into its folder, and what clients should trust."""
        self._authority.write(folder / "ca.crt")
        certificate, key = folder / "broker.crt", folder / "broker.key"
        self._authority.issue(_BROKER, certificate, key)
        both = folder / "broker.pem"
        both.touch(mode=0o600)
        both.write_bytes(key.read_bytes() + certificate.read_bytes())

    def listeners(self, folder: Path, *, port: int, controller_port: int) -> str:
        """What the broker's settings say of who may come in, and by which door."""
        return _LISTENERS.format(
            host=ports.LOOPBACK,
            port=port,
            tls_port=self.tls_port,
            controller_port=controller_port,
            login="org.apache.kafka.common.security.scram.ScramLoginModule required;",
            folder=folder,
            admin=ADMIN,
            broker=_BROKER,
        )

    def format_options(self) -> list[str]:
        """What the users are made with, before the broker's first start."""
        return [
            part
            for mechanism, passwords in (("512", self.passwords), ("256", self.second))
            for user, password in passwords.items()
            for part in (
                "--add-scram",
                f"SCRAM-SHA-{mechanism}=[name={user},password={password}]",
            )
        ]

    def by_password(self, user: str, folder: Path, *, port: int) -> Access:
        """The way of a user with a password."""
        return Access(
            servers=f"{ports.LOOPBACK}:{port}",
            protocol="SASL_SSL",
            username=user,
            password=self.passwords[user],
            ca_file=folder / "ca.crt",
            client=user,
        )

    def by_certificate(
        self, user: str, folder: Path, *, authority: Authority | None = None
    ) -> Access:
        """The way of a user with a certificate, made now; of another authority for a stranger."""
        certificate, key = folder / f"{user}.crt", folder / f"{user}.key"
        (authority or self._authority).issue(user, certificate, key)
        return Access(
            servers=f"{ports.LOOPBACK}:{self.tls_port}",
            protocol="SSL",
            ca_file=folder / "ca.crt",
            certificate_file=certificate,
            key_file=key,
            client=user,
        )
