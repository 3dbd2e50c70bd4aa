"""What the other services say of a small portfolio, as the events that this service hears."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from services.notifications import handlers
from shared.chassis.database import Pool
from shared.contracts import clients, renewals
from shared.contracts.event import Event, Tombstone
from tests.deliver import record_of

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
STARTS = date(2026, 3, 5)
DEADLINE = date(2026, 1, 19)
PRODUCT = renewals.Product(
    product="Marketing Hub", current_mrr=Decimal(800), renewal_mrr=Decimal(900)
)
STAGES = tuple(
    renewals.Stage(name=name, days_before_deadline=days)
    for name, days in (
        ("entered", None),
        ("d-45", 45),
        ("d-15", 15),
        ("d-7", 7),
        ("d-1", 1),
        ("d-0", 0),
        ("outcome", -1),
    )
)


def user(name: str, *, admin: bool = False, active: bool = True) -> clients.PartnerUser:
    return clients.PartnerUser(
        user_id=uuid4(),
        name=name,
        email=f"{name.lower()}@agency.example",
        admin=admin,
        active=active,
    )


def contact(name: str, *roles: str, email: str | None = None) -> clients.Contact:
    address = f"{name.lower()}@acme.example" if email is None else email
    return clients.Contact(contact_id=uuid4(), name=name, email=address, roles=roles)


def colleague(name: str, role: str) -> clients.HubSpotPerson:
    return clients.HubSpotPerson(
        person_id=uuid4(), name=name, email=f"{name.lower()}@hubspot.example", role=role
    )


@dataclass
class Story:
    """One partner with one client and one renewal, and all that is said about them."""

    partner_id: UUID = field(default_factory=uuid4)
    client_id: UUID = field(default_factory=uuid4)
    renewal_id: UUID = field(default_factory=uuid4)
    zone: str = "UTC"
    now: datetime = NOON
    users: tuple[clients.PartnerUser, ...] = ()
    team: tuple[clients.HubSpotPerson, ...] = ()
    contacts: tuple[clients.Contact, ...] = ()
    renewal_manager: clients.HubSpotPerson | None = None
    client_name: str = "Acme"
    owner: renewals.OwnerChoice = field(
        default_factory=lambda: renewals.OwnerChoice(owner="default")
    )
    default_owner: renewals.OwnerChoice = field(
        default_factory=lambda: renewals.OwnerChoice(owner="hubspot")
    )
    default_point_of_contact: UUID | None = None
    roles: tuple[str, ...] = ("decision_maker",)
    tell_renewal_manager: bool = True
    kind: str = "renewal"
    status: str = "pending"
    starts: date = STARTS
    period: int = 1
    active: bool = True
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def deadline(self) -> date:
        return self.starts - timedelta(days=45 if self.kind == "renewal" else 14)

    def version(self, of: str) -> int:
        self.versions[of] = self.versions.get(of, 0) + 1
        return self.versions[of]

    def partner(self) -> clients.PartnerSnapshot:
        return clients.PartnerSnapshot(
            version=self.version("partner"),
            occurred_at=self.now,
            partner_id=self.partner_id,
            hub_id=7,
            name="Agency",
            time_zone=self.zone,
            users=self.users,
            team=self.team,
        )

    def client(self) -> clients.ClientSnapshot:
        return clients.ClientSnapshot(
            version=self.version("client"),
            occurred_at=self.now,
            client_id=self.client_id,
            partner_id=self.partner_id,
            record_id=1,
            account_id=2,
            company=clients.Company(name=self.client_name, domain="acme.example"),
            relationship=clients.Relationship(sold=True, managed=True),
            services=clients.Services(active=self.active, period=self.period),
            contacts=self.contacts,
            renewal_manager=self.renewal_manager,
        )

    def policy(self) -> renewals.PartnerPolicySnapshot:
        return renewals.PartnerPolicySnapshot(
            version=self.version("policy"),
            occurred_at=self.now,
            partner_id=self.partner_id,
            default_owner=self.default_owner,
            default_point_of_contact_id=self.default_point_of_contact,
            recipient_roles=self.roles,
            tell_renewal_manager=self.tell_renewal_manager,
            stages=STAGES,
        )

    def changes(self, **other: Any) -> renewals.ClientRenewalsSnapshot:
        renewal = renewals.Renewal(
            renewal_id=self.renewal_id,
            kind=self.kind,
            status=self.status,
            renewal_start=self.starts,
            deadline=self.deadline,
            currency="USD",
            current_mrr=Decimal(800),
            renewal_mrr=Decimal(900),
            products=(PRODUCT,),
            version=self.versions.get("renewal", 0),
        )
        return renewals.ClientRenewalsSnapshot(
            **{
                "version": self.version("renewals"),
                "occurred_at": self.now,
                "client_id": self.client_id,
                "partner_id": self.partner_id,
                "owner": self.owner,
                "renewals": (renewal,),
            }
            | other
        )

    def due(self, stage: str = "d-7", **other: Any) -> renewals.RenewalDeadlineApproaching:
        """The stage is due since this morning, until tomorrow's."""
        begins = self.now - timedelta(hours=3)
        return renewals.RenewalDeadlineApproaching(
            **{
                "version": self.version("renewal"),
                "occurred_at": self.now,
                "renewal_id": self.renewal_id,
                "client_id": self.client_id,
                "partner_id": self.partner_id,
                "kind": self.kind,
                "status": self.status,
                "stage": stage,
                "due_at": begins,
                "due_until": begins + timedelta(days=1),
                "time_zone": self.zone,
                "renewal_start": self.starts,
                "deadline": self.deadline,
                "days_to_renewal": (self.starts - self.now.date()).days,
                "days_to_deadline": (self.deadline - self.now.date()).days,
                "currency": "USD",
                "current_mrr": Decimal(800),
                "renewal_mrr": Decimal(900),
                "products": (PRODUCT,),
                "owner": renewals.EffectiveOwner(owner="hubspot", source="partner"),
                "client_version": self.versions.get("client", 0),
                "partner_version": self.versions.get("partner", 0),
                "renewals_version": self.versions.get("renewals", 0),
                "policy_version": self.versions.get("policy", 0),
            }
            | other
        )

    def services_ended(self, period: int = 1, **other: Any) -> clients.ServicesEnded:
        return clients.ServicesEnded(
            **{
                "version": self.version("client"),
                "occurred_at": self.now,
                "client_id": self.client_id,
                "partner_id": self.partner_id,
                "period": period,
                "ended_at": self.now,
                "ended_by": self.users[0].user_id if self.users else uuid4(),
                "reason": "The client left.",
            }
            | other
        )

    def services_resumed(self, period: int = 2) -> clients.ServicesResumed:
        return clients.ServicesResumed(
            version=self.version("client"),
            occurred_at=self.now,
            client_id=self.client_id,
            partner_id=self.partner_id,
            period=period,
            resumed_at=self.now,
            resumed_by=uuid4(),
        )

    def deactivated(self, who: clients.PartnerUser) -> clients.PartnerUserDeactivated:
        return clients.PartnerUserDeactivated(
            version=self.version("partner"),
            occurred_at=self.now,
            partner_id=self.partner_id,
            user_id=who.user_id,
        )

    def decided(self, status: str = "renewed", **other: Any) -> renewals.RenewalDecided:
        return renewals.RenewalDecided(
            **{
                "version": self.version("renewal"),
                "occurred_at": self.now,
                "renewal_id": self.renewal_id,
                "client_id": self.client_id,
                "partner_id": self.partner_id,
                "status": status,
                "renewal_start": self.starts,
                "decided_by": uuid4(),
            }
            | other
        )

    def everything(self) -> tuple[Event, ...]:
        return self.partner(), self.client(), self.policy(), self.changes()


def usual(**other: Any) -> Story:
    """A partner with an admin, a member and a team; a client with a decision maker."""
    given: dict[str, Any] = {
        "users": (user("Ada", admin=True), user("Ben")),
        "team": (
            colleague("Cam", "channel_account_manager"),
            colleague("Cora", "channel_consultant"),
        ),
        "contacts": (contact("Dora", "decision_maker"), contact("Eve", "billing")),
        "renewal_manager": colleague("Rita", "renewal_manager"),
    }
    return Story(**(given | other))


async def hear(pool: Pool, *events: Event | Tombstone) -> None:
    """Hand events to the inboxes of their topics, one batch per run of the same topic."""
    run: list[Any] = []
    for event in events:
        topic = event.topic if isinstance(event, Tombstone) else event.TOPIC
        if run and run[0].topic != topic:
            await _inbox(run[0].topic).receive(run, pool)
            run = []
        run.append(record_of(event))
    if run:
        await _inbox(run[0].topic).receive(run, pool)


def _inbox(topic: str) -> Any:
    [inbox] = [each for each in handlers.INBOXES if each.topic == topic]
    return inbox
