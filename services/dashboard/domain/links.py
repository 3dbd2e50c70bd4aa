"""Addresses of a client's pages at HubSpot, made of ids and configured patterns only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patterns:
    """Addresses with places for ids: ``{hub}`` (the partner's), ``{record}`` and ``{account}``."""

    crm: str
    portal: str

    def company(self, hub_id: int | None, record_id: int | None) -> str:
        """Where the client's company record is; empty where an id was not heard of yet."""
        if hub_id is None or record_id is None:
            return ""
        return self.crm.format_map({"hub": hub_id, "record": record_id})

    def account(self, account_id: int | None) -> str:
        """Where the client's own HubSpot account is; empty where its id is not known."""
        return "" if account_id is None else self.portal.format_map({"account": account_id})
