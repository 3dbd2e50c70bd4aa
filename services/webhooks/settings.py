"""What the webhooks service reads from its environment."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.chassis.seals import Seal
from shared.chassis.settings import ServiceSettings

NAME = r"[a-z0-9-]+(\.[a-z0-9-]+)+"


class Settings(ServiceSettings):
    """The settings of the webhooks service, all with the prefix ``WEBHOOKS_``."""

    model_config = SettingsConfigDict(env_prefix="WEBHOOKS_")

    run_courier: bool = Field(default=True, description="Send what waits.")
    run_upkeep: bool = Field(default=True, description="Forget what is old, count what waits.")

    secrets_key: str = Field(
        repr=False,
        min_length=32,
        description="A secret of at least 32 random characters, the same for all replicas, by "
        "which the endpoints' secrets are sealed; with another one they cannot be read",
        examples=["<python -c 'import secrets; print(secrets.token_urlsafe(32))'>"],
    )
    allowed_hosts: str = Field(
        default="",
        pattern=rf"^({NAME}(,{NAME})*)?$",
        description="Where endpoints may be: names with commas between, each with all below it.",
        examples=["hooks.example.com,example.org"],
    )
    allowed_ports: str = Field(
        default="443",
        pattern=r"^[0-9]{1,5}(,[0-9]{1,5})*$",
        description="The ports that endpoints may have, with commas between.",
    )
    allow_loopback: bool = Field(
        default=False,
        description="For demonstrations and tests: endpoints may also be on this very machine.",
    )
    ca_file: Path | None = Field(
        default=None, description="The authorities to trust, where not the system's (PEM)."
    )
    most_endpoints: int = Field(
        default=20, ge=1, le=1000, description="The most endpoints that a partner may have."
    )
    rotation_hours: float = Field(
        default=24.0, ge=0, le=720, description="Hours for which a secret that was replaced holds."
    )

    connect_timeout: float = Field(
        default=5.0, gt=0, le=60, description="Seconds to wait for a connection."
    )
    total_timeout: float = Field(
        default=15.0, gt=0, le=300, description="Seconds that an attempt may take as a whole."
    )
    lease: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds after which another process sends what one died over.",
    )
    concurrency: int = Field(
        default=64, ge=1, le=1000, description="Attempts in hand at a time in a process."
    )
    endpoint_concurrency: int = Field(
        default=8, ge=1, le=100, description="Attempts in hand at a time for one endpoint."
    )
    retry_first: float = Field(
        default=5.0, gt=0, le=3600, description="Seconds before the second attempt."
    )
    retry_longest: float = Field(
        default=6 * 3600.0, gt=0, le=86400, description="The most seconds between two attempts."
    )
    retry_days: float = Field(
        default=5.0, gt=0, le=30, description="Days of failures after which attempts end."
    )
    keep_days: float = Field(
        default=30.0, gt=0, le=400, description="Days for which what is settled can be sent again."
    )
    idle: float = Field(
        default=0.2, gt=0, le=60, description="Seconds between two looks when nothing is due."
    )
    upkeep_idle: float = Field(
        default=5.0, gt=0, le=600, description="Seconds between two rounds of upkeep."
    )

    @model_validator(mode="after")
    def _lease_outlasts_an_attempt(self) -> Self:
        if self.lease <= self.total_timeout:
            raise ValueError("WEBHOOKS_LEASE has to be longer than WEBHOOKS_TOTAL_TIMEOUT")
        return self

    @property
    def seal(self) -> Seal:
        """What endpoints' secrets are sealed by."""
        return Seal(self.secrets_key, "webhook secrets")
