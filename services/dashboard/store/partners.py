"""The partner whose page it is, the numbers in Alerts, and how old the data is."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter

from services.dashboard.store.messages import OPEN
from services.dashboard.store.renewals import UPCOMING
from shared.chassis.database import Connection
from shared.contracts import clients, renewals, tiers

_users: Final[TypeAdapter[tuple[clients.PartnerUser, ...]]] = TypeAdapter(
    tuple[clients.PartnerUser, ...]
)
_team: Final[TypeAdapter[tuple[clients.HubSpotPerson, ...]]] = TypeAdapter(
    tuple[clients.HubSpotPerson, ...]
)


_AS_OF: Final = """SELECT min(p.heard_until)
          FROM public.progress p
          JOIN public.builds b USING (revision)
         WHERE b.state = 'serving'"""


@dataclass(frozen=True, slots=True)
class State:
    """What tells states of a partner's data apart, and what day and age it has.

    ``version`` is 0 for a partner that only its clients are known of. ``mark`` tells states of a
    ``model`` apart; ``as_of`` is up to when every topic was heard.
    """

    version: int
    model: str
    mark: int
    time_zone: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partner with its people, its settings and where it stands.

    None stands for what its owner has not told yet; version 0, for a partner that only its
    clients are known of. ``as_of`` is up to when every topic was heard; ``mark`` tells states
    of a ``model`` apart, as the transaction sees it.
    """

    partner_id: UUID
    name: str
    hub_id: int | None
    time_zone: str
    users: tuple[clients.PartnerUser, ...] = ()
    team: tuple[clients.HubSpotPerson, ...] = ()
    policy: renewals.PartnerPolicySnapshot | None = None
    policy_version: int = 0
    tier: tiers.PartnerTierSnapshot | None = None
    version: int = 0
    as_of: datetime | None = None
    model: str = ""
    mark: int = 0

    @property
    def state(self) -> State:
        """The state of the data that the transaction sees."""
        return State(self.version, self.model, self.mark, self.time_zone, self.as_of)

    @property
    def active_users(self) -> tuple[clients.PartnerUser, ...]:
        """Those who may be chosen and told, by name."""
        return tuple(sorted((u for u in self.users if u.active), key=lambda u: u.name.casefold()))

    def user(self, user_id: UUID | None) -> clients.PartnerUser | None:
        """A person of the partner, active or not."""
        return next((each for each in self.users if each.user_id == user_id), None)


@dataclass(frozen=True, slots=True)
class Alerts:
    """What waits for somebody: renewals to decide, and messages that nobody can get."""

    decisions: int
    blocked: int


# Most requests are of few partners, and what is told of them changes seldom.
@lru_cache(maxsize=256)
def _people(written: str) -> tuple[clients.PartnerUser, ...]:
    return _users.validate_json(written)


@lru_cache(maxsize=256)
def _hubspot(written: str) -> tuple[clients.HubSpotPerson, ...]:
    return _team.validate_json(written)


@lru_cache(maxsize=256)
def _policy(written: str) -> renewals.PartnerPolicySnapshot:
    return renewals.PartnerPolicySnapshot.model_validate_json(written)


@lru_cache(maxsize=256)
def _tier(written: str) -> tiers.PartnerTierSnapshot:
    return tiers.PartnerTierSnapshot.model_validate_json(written)


async def find_partner(tx: Connection) -> PartnerRow | None:
    """The partner of the request; None where nothing was heard of it yet."""
    row = await tx.fetchrow(
        f"""
        SELECT partner_id, version, hub_id, name, time_zone, users, team, policy_version, policy,
               tier, ({_AS_OF}) AS as_of, current_schema() AS model,
               (SELECT coalesce(sum(changed), 0) FROM public.marks) AS mark
          FROM partners
        """  # noqa: S608 - a constant
    )
    if row is None:
        return None
    policy, tier = row["policy"], row["tier"]
    return PartnerRow(
        partner_id=row["partner_id"],
        name=row["name"],
        hub_id=row["hub_id"],
        time_zone=row["time_zone"],
        users=_people(row["users"]),
        team=_hubspot(row["team"]),
        policy=policy and _policy(policy),
        policy_version=row["policy_version"],
        tier=tier and _tier(tier),
        version=row["version"],
        as_of=row["as_of"],
        model=row["model"],
        mark=int(row["mark"]),
    )


async def count_alerts(tx: Connection, today: date) -> Alerts:
    """Count what the lists behind the numbers show, by the same conditions."""
    row = await tx.fetchrow(
        f"""
        SELECT (SELECT count(*)
                  FROM renewals r
                 WHERE {UPCOMING}) AS decisions,
               (SELECT count(*)
                  FROM messages m
                  JOIN clients c USING (client_id)
                 WHERE {OPEN}) AS blocked
        """,  # noqa: S608 - constants
        today,
    )
    assert row is not None  # noqa: S101 - counts always are a row
    return Alerts(row["decisions"], row["blocked"])


async def find_as_of(tx: Connection) -> datetime | None:
    """Up to when every topic was heard; None before the first word."""
    heard: datetime | None = await tx.fetchval(_AS_OF)
    return heard
