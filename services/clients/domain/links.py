"""Addresses of a client's pages at HubSpot, made of ids and configured patterns only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Links:
    """Where a client's company record and its HubSpot account are to be seen."""

    crm: str
    portal: str


@dataclass(frozen=True, slots=True)
class Patterns:
    """Addresses with places for ids: ``{hub}`` (the partner's), ``{record}`` and ``{account}``."""

    crm: str
    portal: str

    def of(self, hub_id: int, record_id: int, account_id: int) -> Links:
        """The links of one client."""
        ids = {"hub": hub_id, "record": record_id, "account": account_id}
        return Links(self.crm.format_map(ids), self.portal.format_map(ids))
