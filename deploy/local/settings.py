"""What the local system is made of: its ports, its folder, and what each service is told."""

import os
import secrets
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local import databases, ports
from deploy.local.databases import Addresses

ROOT = Path(__file__).parents[2]
SERVICES = ("clients", "renewals", "notifications", "tiers", "dashboard", "webhooks")


def _port(default: int, what: str) -> Any:
    return Field(default=default, ge=1, le=65535, description=f"The port of {what}.")


class LocalSettings(BaseSettings):
    """Read from the environment, all with the prefix ``LOCAL_``. All ports are on 127.0.0.1."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="LOCAL_", env_ignore_empty=True)

    folder: Path = Field(default=ROOT / "build" / "local", description="Where all state is kept.")
    kafka_port: int = _port(19092, "Kafka")
    kafka_controller_port: int = _port(19093, "Kafka's controller")
    postgres_port: int = _port(15432, "PostgreSQL")
    smtp_port: int = _port(11025, "the mail sink")
    mail_port: int = _port(11080, "the mail sink's page")
    issuer_port: int = _port(18100, "the issuer of tokens")
    clients_port: int = _port(18101, "the clients service")
    renewals_port: int = _port(18102, "the renewals service")
    notifications_port: int = _port(18103, "the notifications service")
    tiers_port: int = _port(18104, "the tiers service")
    dashboard_port: int = _port(18105, "the dashboard service")
    webhooks_port: int = _port(18106, "the webhooks service")
    only: str | None = Field(
        default=None,
        pattern=r"^(none|[a-z]+(,[a-z]+)*)$",
        description="Which services to start, with commas between, or none; all if not set.",
    )
    start_timeout: float = Field(
        default=120.0, gt=0, description="Seconds within which everything must have started."
    )
    stop_grace: float = Field(
        default=45.0, ge=0, description="Seconds that a process has to finish what it holds."
    )

    @property
    def services(self) -> tuple[str, ...]:
        """The services that can be started, in the order in which they are shown."""
        wanted = SERVICES if self.only is None else self.only.split(",")
        there = (s for s in SERVICES if (ROOT / "services" / s / "__main__.py").exists())
        return tuple(service for service in there if service in wanted)

    @property
    def kafka_servers(self) -> str:
        """Where Kafka is reached."""
        return f"{ports.LOOPBACK}:{self.kafka_port}"

    @property
    def issuer(self) -> str:
        """The address of the issuer, as tokens say it."""
        return f"http://{ports.LOOPBACK}:{self.issuer_port}"

    @property
    def mail(self) -> str:
        """The address of the mail sink's page."""
        return f"http://{ports.LOOPBACK}:{self.mail_port}"

    @property
    def page(self) -> str:
        """The address of the dashboard."""
        return self.service_url("dashboard")

    @property
    def clock_file(self) -> Path:
        """The file whose shift every service adds to its clock."""
        return self.folder / "clock"

    @property
    def people_file(self) -> Path:
        """Who there is, for the issuer; `deploy.local.issuer.write_people` writes it."""
        return self.folder / "issuer" / "people.json"

    def service_port(self, service: str) -> int:
        """The port of a service."""
        port: int = getattr(self, f"{service}_port")
        return port

    def service_url(self, service: str) -> str:
        """The address of a service."""
        return f"http://{ports.LOOPBACK}:{self.service_port(service)}"

    def password(self) -> str:
        """The databases' password: made up at first, then read from the folder."""
        return self._secret("password")

    def session_key(self) -> str:
        """What the page seals its sessions with: made up at first, then read from the folder."""
        return self._secret("session-key")

    def secrets_key(self) -> str:
        """What secrets of endpoints are sealed with: made up at first, then read."""
        return self._secret("secrets-key")

    def _secret(self, name: str) -> str:
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
                handle.write(secrets.token_urlsafe(32))
        return path.read_text()

    def superuser_dsn(self) -> str:
        """PostgreSQL's superuser, to whom every database is open."""
        return f"postgresql://postgres:{self.password()}@{ports.LOOPBACK}:{self.postgres_port}/postgres"

    def database(self, service: str) -> Addresses:
        """How the database of a service is reached."""
        return databases.addresses(self.superuser_dsn(), service, service, password=self.password())

    def environment(self) -> dict[str, str]:
        """What every service's command is told, beside what this process was told."""
        told = {
            "KAFKA_SERVERS": self.kafka_servers,
            "OIDC_ISSUER": self.issuer,
            "OIDC_JWKS_URL": f"{self.issuer}/jwks.json",
            "CLOCK_FILE": str(self.clock_file),
            "NOTIFICATIONS_SMTP_HOST": ports.LOOPBACK,
            "NOTIFICATIONS_SMTP_PORT": str(self.smtp_port),
            "NOTIFICATIONS_DASHBOARD_URL": self.page,
            "NOTIFICATIONS_OPTIONS_URL": f"{self.page}/options",
            "DASHBOARD_PUBLIC_URL": self.page,
            "DASHBOARD_MAIL_URL": self.mail,
            "DASHBOARD_SESSION_KEY": self.session_key(),
            "WEBHOOKS_SECRETS_KEY": self.secrets_key(),
            "WEBHOOKS_ALLOW_LOOPBACK": "true",
        }
        for service in SERVICES:
            prefix, address = service.upper(), self.database(service)
            told[f"{prefix}_DATABASE_URL"] = address.dsn
            told[f"{prefix}_OWNER_DATABASE_URL"] = address.owner_dsn
            told[f"{prefix}_HTTP_HOST"] = ports.LOOPBACK
            told[f"{prefix}_HTTP_PORT"] = str(self.service_port(service))
            told[f"DASHBOARD_{prefix}_URL"] = self.service_url(service)
        # A process that was killed should be missed soon: its successor waits for that.
        return {"KAFKA_SESSION_TIMEOUT": "10"} | os.environ | told

    def listeners(self) -> list[tuple[str, int, str]]:
        """Each port that is needed: for what, which, and the variable that changes it."""
        fields = ["kafka", "kafka_controller", "postgres", "smtp", "mail", "issuer", *self.services]
        return [
            (name.replace("_", " "), getattr(self, f"{name}_port"), f"LOCAL_{name}_port".upper())
            for name in fields
        ]
