"""Every setting of the notifications service."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import HTTP, ServiceSettings

ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}$"
DOMAIN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?$"


class Settings(ServiceSettings):
    """What the notifications service reads from its environment."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_")

    run_sender: bool = Field(default=True, description="Send what is due.")
    run_upkeep: bool = Field(
        default=True, description="Let go what waits, end what is over, count what is open."
    )

    smtp_host: str = Field(
        default="127.0.0.1", min_length=1, description="The mail relay to hand messages to."
    )
    smtp_port: int = Field(default=11025, ge=1, le=65535, description="The mail relay's port.")
    smtp_user: str | None = Field(default=None, description="The login at the mail relay, if any.")
    smtp_password: str | None = Field(
        default=None, repr=False, description="The password of that login."
    )
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        default="none", description="How the connection to the mail relay is secured."
    )
    smtp_ca_file: Path | None = Field(
        default=None, description="The authorities to trust for it, where not the system's (PEM)."
    )
    smtp_connections: int = Field(
        default=8, ge=1, le=64, description="Connections that a process holds to the mail relay."
    )
    smtp_connect_timeout: float = Field(
        default=10.0, gt=0, le=300, description="Seconds to wait for a connection and its greeting."
    )
    smtp_command_timeout: float = Field(
        default=60.0, gt=0, le=600, description="Seconds to wait for the answer to a command."
    )
    smtp_data_timeout: float = Field(
        default=600.0,
        gt=0,
        le=3600,
        description="Seconds to wait for the answer to a message: RFC 5321 asks for ten minutes.",
    )

    in_doubt: int = Field(
        default=64, ge=1, le=1000, description="The most messages in doubt when a process dies."
    )
    lanes: int = Field(
        default=2, ge=1, le=16, description="Batches in hand at a time; they share `in_doubt`."
    )
    claim_lease: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds until a claimed message is free again."
    )
    send_lease: float = Field(
        default=900.0,
        gt=0,
        le=7200,
        description="Seconds until a message that was handed over without an answer is in doubt.",
    )
    idle: float = Field(
        default=0.05, gt=0, le=60, description="Seconds between two looks when nothing is due."
    )
    stale_after: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds that what was heard may be behind; beyond that nothing is sent.",
    )
    upkeep_idle: float = Field(
        default=2.0, gt=0, le=600, description="Seconds between two rounds of upkeep."
    )
    unknown_policy: Literal["last_stage", "resend", "hold"] = Field(
        default="last_stage",
        description="What is sent again when it is in doubt: the last stage, all, or nothing.",
    )
    idempotency_header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]{1,60}$",
        description="The header by which the relay drops a second copy, if it has one; then all "
        "that is in doubt is sent again.",
        examples=["Resend-Idempotency-Key"],
    )
    ended_notice_delay: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that an end of services may be taken back before HubSpot is told.",
    )
    most_deferrals: int = Field(
        default=20, ge=1, le=1000, description="How often the relay may put a message off."
    )
    keep_addresses_days: int = Field(
        default=400, ge=1, le=4000, description="Days for which the ledger keeps an address used."
    )

    mail_from: str = Field(
        default="renewals@partner-tools.example",
        pattern=ADDRESS,
        description="The sender's address, on the envelope too.",
    )
    mail_from_name: str = Field(
        default="HubSpot Renewals",
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="The sender's name.",
    )
    reply_to: str | None = Field(
        default=None, pattern=ADDRESS, description="Where answers go, if elsewhere."
    )
    mail_domain: str = Field(
        default="partner-tools.example",
        pattern=DOMAIN,
        description="The domain of Message-ID and List-Id.",
    )
    dashboard_url: str = Field(
        default="http://127.0.0.1:18105",
        pattern=HTTP,
        description="Where the dashboard is; links for the partner's people begin with it.",
    )
    options_url: str = Field(
        default="http://127.0.0.1:18105/options",
        pattern=HTTP,
        description="Where renewal options are shown; the renewal's id is added to it.",
    )

    @property
    def again(self) -> str:
        """What is sent again when it is in doubt, as `unknown_policy` names it."""
        return "resend" if self.idempotency_header else self.unknown_policy
