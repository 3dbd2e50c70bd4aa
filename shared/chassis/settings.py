"""The settings that every service has, and what a bad one is answered with."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.chassis import access
from shared.chassis.access import Access

SECRETS_DIR = "SETTINGS_SECRETS_DIR"
UNUSABLE = 2  # the exit code of a process whose settings cannot be used

S = TypeVar("S", bound="ServiceSettings")

POSTGRES = r"^postgres(ql)?://.+"
HTTP = r"^https?://.+"


class ServiceSettings(BaseSettings):
    """What every service reads from its environment.

    A service subclasses it, says its prefix (``SettingsConfigDict(env_prefix="CLIENTS_")``) and
    adds its own. A field that all services share carries an alias without the prefix. A field
    with ``repr=False`` is a secret: it is neither logged nor told when it is wrong. Each may
    also be a file of the same name in the folder that ``SETTINGS_SECRETS_DIR`` names.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=False,
    )

    database_url: str = Field(
        repr=False,
        pattern=POSTGRES,
        description="The service's PostgreSQL database, as the login it works with.",
        examples=["postgresql://clients:secret@localhost:5432/clients"],
    )
    owner_database_url: str | None = Field(
        default=None,
        repr=False,
        pattern=POSTGRES,
        description="The same database as its owner. Only `migrate` reads it.",
        examples=["postgresql://clients_owner:secret@localhost:5432/clients"],
    )
    database_pool: int = Field(
        default=10, ge=1, le=200, description="The most connections that a process holds."
    )
    statement_timeout: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="Seconds after which PostgreSQL gives up a statement of a request.",
    )
    partner_rate: float = Field(
        default=500.0,
        ge=0,
        description="The most requests a second that one partner may make; 0 sets no limit.",
    )
    http_host: str = Field(default="127.0.0.1", description="The address to listen on.")
    http_port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    run_http: bool = Field(
        default=True, description="Answer requests; without it only health and metrics answer."
    )
    run_consumers: bool = Field(default=True, description="Hear the events of other services.")
    run_relay: bool = Field(default=True, description="Publish what the outbox holds.")
    start_timeout: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        validation_alias="START_TIMEOUT",
        description="Seconds to wait at start for PostgreSQL and Kafka.",
    )
    kafka_servers: str = Field(
        min_length=1,
        validation_alias="KAFKA_SERVERS",
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        description="Kafka's bootstrap servers, host:port, with commas between them.",
        examples=["localhost:19092"],
    )
    kafka_security_protocol: access.Protocol = Field(
        default="PLAINTEXT",
        validation_alias="KAFKA_SECURITY_PROTOCOL",
        description="How Kafka is reached: encrypted with SSL, with a password with SASL.",
        examples=["SASL_SSL"],
    )
    kafka_sasl_mechanism: access.Mechanism = Field(
        default="SCRAM-SHA-512",
        validation_alias="KAFKA_SASL_MECHANISM",
        description="How the password is proven to Kafka, with SASL. PLAIN sends it as it is.",
    )
    kafka_username: str | None = Field(
        default=None,
        validation_alias="KAFKA_USERNAME",
        description="Who the process is to Kafka, with SASL.",
        examples=["clients"],
    )
    kafka_password: str | None = Field(
        default=None,
        repr=False,
        validation_alias="KAFKA_PASSWORD",
        description="The password of that user.",
    )
    kafka_ca_file: Path | None = Field(
        default=None,
        validation_alias="KAFKA_CA_FILE",
        description="The authorities that Kafka's certificate may be of (PEM), with SSL; "
        "without it those that the machine trusts.",
        examples=["/run/kafka/ca.crt"],
    )
    kafka_certificate_file: Path | None = Field(
        default=None,
        validation_alias="KAFKA_CERTIFICATE_FILE",
        description="The certificate (PEM) that says who the process is to Kafka, with SSL. "
        "Read again when it has changed, for each new connection.",
        examples=["/run/kafka/user.crt"],
    )
    kafka_key_file: Path | None = Field(
        default=None,
        validation_alias="KAFKA_KEY_FILE",
        description="The key (PEM) of that certificate.",
        examples=["/run/kafka/user.key"],
    )
    kafka_key_password: str | None = Field(
        default=None,
        repr=False,
        validation_alias="KAFKA_KEY_PASSWORD",
        description="What the key is encrypted with, if it is.",
    )
    kafka_session_timeout: float = Field(
        default=45.0,
        ge=6,
        le=1800,
        validation_alias="KAFKA_SESSION_TIMEOUT",
        description="Seconds of silence after which a process' partitions go to the others.",
    )
    oidc_issuer: str = Field(
        min_length=1,
        validation_alias="OIDC_ISSUER",
        pattern=HTTP,
        description="Who issues the tokens: their `iss`, letter by letter.",
        examples=["https://id.example.com"],
    )
    oidc_audience: str = Field(
        default="partner-tools",
        min_length=1,
        validation_alias="OIDC_AUDIENCE",
        description="For whom tokens are issued: their `aud`, or one of its values.",
    )
    oidc_jwks_url: str = Field(
        validation_alias="OIDC_JWKS_URL",
        pattern=HTTP,
        description="Where the issuer publishes its keys (JWKS).",
        examples=["https://id.example.com/jwks.json"],
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="LOG_LEVEL", description="The least severe line to log."
    )
    clock_file: Path | None = Field(
        default=None,
        validation_alias="CLOCK_FILE",
        description="For demonstrations and tests: a file that shifts the clock, such as `+8d`.",
    )
    otel_endpoint: str | None = Field(
        default=None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=HTTP,
        description="The OpenTelemetry collector that spans go to (OTLP over HTTP); without it "
        "none are made.",
        examples=["http://otel-collector:4318"],
    )
    otel_headers: str | None = Field(
        default=None,
        repr=False,
        validation_alias="OTEL_EXPORTER_OTLP_HEADERS",
        pattern=r"^[^\s=,]+=[^\s,]*(,[^\s=,]+=[^\s,]*)*$",
        description="What the collector asks to be told, name=value with commas between.",
        examples=["authorization=Bearer%20secret"],
    )
    otel_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        validation_alias="OTEL_TRACES_SAMPLER_ARG",
        description="The share of the traces begun here that are recorded; whose trace goes on "
        "here decided for itself.",
    )
    build_version: str = Field(
        default="dev",
        min_length=1,
        validation_alias="BUILD_VERSION",
        description="The version that runs, as metrics and spans say it; images set it.",
    )
    build_revision: str = Field(
        default="unknown",
        min_length=1,
        validation_alias="BUILD_REVISION",
        description="The commit that it was built from; images set it.",
    )

    @property
    def service(self) -> str:
        """Whose settings these are."""
        return self.model_config.get("env_prefix", "").rstrip("_").lower()

    @property
    def kafka(self) -> Access:
        """How this process reaches Kafka, and as whom."""
        return Access(
            servers=self.kafka_servers,
            protocol=self.kafka_security_protocol,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=self.kafka_password,
            ca_file=self.kafka_ca_file,
            certificate_file=self.kafka_certificate_file,
            key_file=self.kafka_key_file,
            key_password=self.kafka_key_password,
            client=self.service,
        )

    @model_validator(mode="after")
    def _can_reach_kafka(self) -> Self:
        access.check(self.kafka)
        return self


def variable(settings: type[ServiceSettings], field: str) -> str:
    """Name the environment variable of a field."""
    alias = settings.model_fields[field].validation_alias
    prefix = settings.model_config.get("env_prefix", "")
    return alias if isinstance(alias, str) else f"{prefix}{field}".upper()


def problems(settings: type[ServiceSettings], error: ValidationError) -> Iterator[str]:
    """Say, a line for each, which variables are wrong, what they hold and what would be right."""
    for detail in error.errors(include_url=False):
        yield _problem(settings, detail)


def _problem(settings: type[ServiceSettings], detail: ErrorDetails) -> str:
    place = str(detail["loc"][0]) if detail["loc"] else ""
    for name, field in settings.model_fields.items():
        if place in (name, variable(settings, name), field.validation_alias):
            break
    else:
        return detail["msg"].removeprefix("Value error, ")  # of several: it names them
    wanted = (field.description or "").rstrip(".")
    if field.examples and "<" not in str(field.examples[0]):
        wanted += f", such as {field.examples[0]}"
    where = variable(settings, name)
    if detail["type"] == "missing":
        return f"{where} is not set: {wanted}"
    held = "cannot be used" if field.repr is False else f"is {_held(detail['input'])}"
    return f"{where} {held}: {detail['msg']} ({wanted})"


def _held(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - a line of a terminal


def migrations_of(service: str) -> Path:
    """The folder of a service's own migrations."""
    return Path(__file__).parents[2] / "services" / service / "migrations"


def load(settings: type[S]) -> S:
    """Read the settings from the environment and the secrets folder.

    Where one is missing or wrong, write a line for each to standard error and exit with 2.
    """
    secrets = os.environ.get(SECRETS_DIR)
    if secrets and not Path(secrets).is_dir():
        _refuse([f"{SECRETS_DIR} is {secrets!r}: it should name a folder"])
    try:
        return settings(_secrets_dir=secrets or None)
    except ValidationError as error:
        _refuse(list(problems(settings, error)))
        raise


def _refuse(lines: list[str]) -> None:
    for line in lines:
        sys.stderr.write(line + "\n")
    sys.exit(UNUSABLE)
