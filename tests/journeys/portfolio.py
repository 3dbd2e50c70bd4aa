"""Small portfolios for journeys, written as the files that the services import."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from shared.contracts import ids
from tests.journeys.system import Person

HUB = 4_000_001
NOTICE = timedelta(days=45)


@dataclass(slots=True)
class Portfolio:
    """Rows by file. Each ``add_`` gives back the id under which services know what it added."""

    hub: int = HUB
    rows: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))
    _next: int = 1

    @property
    def partner_id(self) -> UUID:
        """The partner that everything is added to."""
        return ids.partner_id(self.hub)

    def partner(self, name: str = "Northwind Digital", zone: str = "UTC") -> UUID:
        """Add the partner itself."""
        self.rows["clients/partners.csv"].append(
            {"Hub ID": self.hub, "Partner name": name, "Time zone": zone}
        )
        return self.partner_id

    def user(self, number: int, email: str, role: str = "member", status: str = "active") -> Person:
        """Add one of the partner's people."""
        self.rows["clients/partner_users.csv"].append(
            {
                "Partner Hub ID": self.hub,
                "User ID": number,
                "First Name": email.partition("@")[0].title(),
                "Last Name": "Person",
                "Email": email,
                "Role": role,
                "Status": status,
            }
        )
        user_id = ids.user_id(self.hub, number)
        return Person(user_id, self.partner_id, "admin" if role == "admin" else "member")

    def team(self, email: str, role: str, description: str = "Helps with everything.") -> None:
        """Add one of HubSpot's people who look after the partner."""
        self.rows["clients/hubspot_team.csv"].append(
            {
                "Partner Hub ID": self.hub,
                "Name": email.partition("@")[0].title() + " of HubSpot",
                "Email": email,
                "Role": role,
                "Description": description,
            }
        )

    def client(
        self,
        name: str,
        *,
        decision_maker: str | None = None,
        manager: str | None = None,
        renewal_start: date | None = None,
        product: str = "Marketing Hub Professional",
        mrr: str = "800.00",
        currency: str = "USD",
        record: int | None = None,
        **other: object,
    ) -> UUID:
        """Add a client with, if asked for, a decision maker and a subscription."""
        record = record or self._number()
        domain = f"{name.lower().replace(' ', '-')}.example"
        self.rows["clients/companies.csv"].append(
            {
                "Partner Hub ID": self.hub,
                "Record ID": record,
                "Company name": name,
                "Company Domain Name": domain,
                "Customer Hub ID": 9_000_000 + record,
                "Sold": "yes",
                "Managed": "yes",
                "Sold date": "2025-06-01",
                "Renewal manager name": "Manager of HubSpot" if manager else "",
                "Renewal manager email": manager or "",
                "Apps used": 5,
                "Usage period end": "2025-12-31",
                **other,
            }
        )
        if decision_maker:
            self.contact(record, decision_maker, "decision_maker")
        if renewal_start:
            self.subscription(record, product, mrr, currency, renewal_start)
        return ids.client_id(self.hub, record)

    def contact(self, company: int, email: str, roles: str) -> UUID:
        """Add a person of a client."""
        number = self._number()
        self.rows["clients/contacts.csv"].append(
            {
                "Partner Hub ID": self.hub,
                "Record ID": number,
                "First Name": email.partition("@")[0].title(),
                "Last Name": "Client",
                "Email": email,
                "Associated Company ID": company,
                "Roles": roles,
            }
        )
        return ids.contact_id(self.hub, number)

    def subscription(
        self,
        company: int,
        product: str,
        mrr: str,
        currency: str,
        renewal_start: date,
        record: int | None = None,
    ) -> int:
        """Add a subscription whose term ends the day before ``renewal_start``."""
        record = record or self._number()
        self.rows["clients/subscriptions.csv"].append(
            {
                "Partner Hub ID": self.hub,
                "Record ID": record,
                "Associated Company ID": company,
                "Product": product,
                "MRR": mrr,
                "Currency": currency,
                "Term start": renewal_start - timedelta(days=365),
                "Term end": renewal_start - timedelta(days=1),
            }
        )
        return record

    def add(self, file: str, row: Mapping[str, object]) -> None:
        """Add a row to any file, such as ``renewals/quotes.csv``; the partner is filled in."""
        self.rows[file].append({"Partner Hub ID": self.hub, **row})

    def write(self, folder: Path) -> Path:
        """Write what was added so far, in a folder per service."""
        for file, rows in self.rows.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(handle, list(dict.fromkeys(k for row in rows for k in row)))
                writer.writeheader()
                writer.writerows(rows)
        return folder

    def _number(self) -> int:
        self._next += 1
        return 1000 + self._next
