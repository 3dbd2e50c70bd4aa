"""What the dashboard reads from its environment."""

from string import Formatter
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import HTTP, ServiceSettings

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(ServiceSettings):
    """The settings of the dashboard, all with the prefix ``DASHBOARD_``."""

    model_config = SettingsConfigDict(env_prefix="DASHBOARD_")

    public_url: str = Field(
        default="http://127.0.0.1:18105",
        pattern=HTTP,
        description="Where people reach the page: scheme and host, with the port if it has one.",
        examples=["https://dashboard.example.com"],
    )
    clients_url: str = Field(
        default="http://127.0.0.1:18101", pattern=HTTP, description="The clients service."
    )
    renewals_url: str = Field(
        default="http://127.0.0.1:18102", pattern=HTTP, description="The renewals service."
    )
    notifications_url: str = Field(
        default="http://127.0.0.1:18103", pattern=HTTP, description="The notifications service."
    )
    tiers_url: str = Field(
        default="http://127.0.0.1:18104", pattern=HTTP, description="The tiers service."
    )
    mail_url: str | None = Field(
        default=None,
        pattern=HTTP,
        description="Outside production: where the mail that was sent can be read.",
    )

    crm_link: str = Field(
        default="https://app.hubspot.com/contacts/{hub}/record/0-2/{record}",
        description="Where a client's company record is: {hub} is the partner's account, "
        "{record} the record's id.",
    )
    portal_link: str = Field(
        default="https://app.hubspot.com/reports-dashboard/{account}",
        description="Where a client's own HubSpot account is: {account} is its id.",
    )

    oidc_client_id: str = Field(
        default="partner-tools-dashboard",
        min_length=1,
        description="What the page is called at the issuer.",
    )
    oidc_client_secret: str | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="The page's secret at the issuer, if it has one; PKCE protects it without.",
    )
    oidc_scope: str = Field(
        default="openid profile",
        pattern=r"^openid( \S+)*$",
        description="What the issuer is asked for; some give a refresh token for offline_access.",
    )
    oidc_token: Literal["access_token", "id_token"] = Field(
        default="access_token",
        description="Which of the issuer's tokens the services take: the one with OIDC_AUDIENCE.",
    )
    session_key: str = Field(
        repr=False,
        min_length=32,
        description="A secret of at least 32 random characters, the same for all replicas, by "
        "which tokens are sealed; changing it signs everybody out",
        examples=["<python -c 'import secrets; print(secrets.token_urlsafe(32))'>"],
    )
    session_hours: float = Field(
        default=12.0, gt=0, le=720, description="Hours after which people sign in again."
    )
    session_idle_hours: float = Field(
        default=4.0, gt=0, le=720, description="Hours without a request that end a session."
    )
    session_streams: int = Field(
        default=16, ge=1, le=200, description="Pages of one session that are told of changes."
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, address: str) -> str:
        found = urlsplit(address)
        if not found.hostname or "@" in found.netloc or found.path not in ("", "/"):
            raise ValueError("scheme and host alone, such as https://dashboard.example.com")
        if found.query or found.fragment:
            raise ValueError("no query and no fragment")
        return f"{found.scheme}://{found.netloc.lower()}"

    @field_validator("clients_url", "renewals_url", "notifications_url", "tiers_url", "mail_url")
    @classmethod
    def _without_slash(cls, address: str | None) -> str | None:
        return address.rstrip("/") if address else address

    @field_validator("crm_link")
    @classmethod
    def _names_hub_and_record(cls, pattern: str) -> str:
        return _checked(pattern, {"hub", "record"})

    @field_validator("portal_link")
    @classmethod
    def _names_account(cls, pattern: str) -> str:
        return _checked(pattern, {"account"})


def _checked(pattern: str, wanted: set[str]) -> str:
    """Let only ids vary, behind a fixed host: nothing that data says ever leads elsewhere."""
    parts = list(Formatter().parse(pattern))
    if {name for _, name, _, _ in parts if name is not None} != wanted:
        places = " and ".join(f"{{{name}}}" for name in sorted(wanted))
        raise ValueError(f"an address with {places} in it and no other place")
    found = urlsplit(pattern)
    if "{" in found.netloc or "@" in found.netloc:
        raise ValueError("an address whose host is fixed, without a user")
    if found.scheme != "https" and not (found.scheme == "http" and found.hostname in LOOPBACK):
        raise ValueError("an address that begins with https://")
    return pattern
