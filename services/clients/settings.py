"""What the clients service reads from its environment."""

from string import Formatter
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.chassis.settings import ServiceSettings

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(ServiceSettings):
    """The settings of the clients service, all with the prefix ``CLIENTS_``."""

    model_config = SettingsConfigDict(env_prefix="CLIENTS_")

    crm_link: str = Field(
        default="https://app.hubspot.com/contacts/{hub}/record/0-2/{record}",
        description="Where a client's company record is: {hub} is the partner's account, "
        "{record} the record's id.",
    )
    portal_link: str = Field(
        default="https://app.hubspot.com/reports-dashboard/{account}",
        description="Where a client's own HubSpot account is: {account} is its id.",
    )

    @field_validator("crm_link")
    @classmethod
    def _names_hub_and_record(cls, pattern: str) -> str:
        return _checked(pattern, {"hub", "record"})

    @field_validator("portal_link")
    @classmethod
    def _names_account(cls, pattern: str) -> str:
        return _checked(pattern, {"account"})


def _checked(pattern: str, wanted: set[str]) -> str:
    """Let only ids vary, behind a fixed host: nothing that a caller says ever leads elsewhere."""
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
