"""Makes the portfolio: partners and their people, then one client after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from deploy.sample import clients, wishes
from deploy.sample.files import Folder
from deploy.sample.spoiling import Spoiler
from deploy.sample.words import (
    CHANNEL_ACCOUNT_MANAGERS,
    CHANNEL_CONSULTANTS,
    REGIONS,
    Region,
    slug,
)
from shared.contracts import ids

FIRST_HUB_ID = 8_800_001
DEFAULT_OWNERS = ("HubSpot", "Partner", "HubSpot")
SHARES = (0.42, 0.34, 0.24)  # of all clients, where there are three partners
USERS = 7
TEAM_TEXT = {
    "channel_account_manager": "Your first contact at HubSpot: targets, contracts and everything"
    " around your tier.\nWrite whenever a renewal needs a decision from us.",
    "channel_consultant": "Helps you to service your clients: onboarding, product questions,"
    '\n"how do others do it?", and reviews of your portfolio.',
}


@dataclass(frozen=True, slots=True)
class User:
    """A person of a partner."""

    id: int
    first: str
    last: str
    email: str
    admin: bool
    active: bool = True


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner, with what its clients need of it. ``place`` counts from 0."""

    place: int
    hub_id: int
    name: str
    region: Region
    users: Sequence[User]
    clients: int

    @property
    def owner(self) -> str:
        """The default renewal owner."""
        return DEFAULT_OWNERS[self.place % len(DEFAULT_OWNERS)]

    @property
    def active(self) -> list[User]:
        """Those who act for it, also later on."""
        return [user for user in self.users if user.active and user is not self.leaving]

    @property
    def contact(self) -> User:
        """The default point of contact."""
        return self.users[3]

    @property
    def leaving(self) -> User:
        """The one who is deactivated later, by the folder `deactivated`."""
        return self.users[4]


def write(
    folder: Path, *, seed: int, size: int, partners: int, today: date, spoil: int
) -> dict[str, Any]:
    """Write a portfolio; returns what stands in ``sample.json``. The same input, the same files."""
    rng = Random(f"{seed}/{size}/{partners}")  # noqa: S311 - invented people, not secrets
    made = list(_partners(rng, size, partners))
    spoiler = Spoiler(spoil)
    traps: list[dict[str, Any]] = []
    with Folder(folder) as files:
        for partner in made:
            _write_partner(files, partner, today)
        numbers = clients.Numbers(rng)
        for partner in made:
            asked = iter(wishes.of_partner(partner.place, partners))
            for _ in range(partner.clients):
                wish = next(asked, clients.NO_WISH)
                client = clients.make(rng, numbers, partner.region, wish, today)
                clients.write(files, spoiler, partner, client, rng)
                if wish.trap:
                    traps.append(_trap(partner, client))
        _write_rates(files, today)
        told = _told(made, traps, seed=seed, size=size, today=today)
        files.write_json("sample.json", told)
        files.write_json("people.json", told["people"])
        if spoil:
            files.write_json("spoiled.json", spoiler.report())
    return told


def _partners(rng: Random, size: int, partners: int) -> Iterator[Partner]:
    shares = SHARES if partners == len(SHARES) else (1 / partners,) * partners
    left = size
    for place in range(partners):
        region = REGIONS[place % len(REGIONS)]
        hub_id = FIRST_HUB_ID + place
        again = place // len(REGIONS)
        name = f"{region.agency} {again + 1}" if again else region.agency
        own = left if place == partners - 1 else min(left, round(size * shares[place]))
        left -= own
        yield Partner(place, hub_id, name, region, _users(rng, hub_id, name, region), own)


def _users(rng: Random, hub_id: int, agency: str, region: Region) -> list[User]:
    """Two admins, members, one who will leave and one who has left."""
    firsts, lasts = rng.sample(region.first, USERS), rng.sample(region.last, USERS - 1)
    users = []
    for at, first in enumerate(firsts):
        last = lasts[at % len(lasts)]
        users.append(
            User(
                id=hub_id * 100 + at + 1,
                first=first,
                last=last,
                email=f"{slug(first)}.{slug(last)}@{slug(agency)}.example",
                admin=at < 2,  # noqa: PLR2004 - the first two
                active=at != USERS - 1,
            )
        )
    return users


def _write_partner(files: Folder, partner: Partner, today: date) -> None:
    hub = partner.hub_id
    files.sheet("clients", "partners.csv").write((hub, partner.name, partner.region.zone))
    for user in partner.users:
        status = "active" if user.active else "deactivated"
        files.sheet("clients", "partner_users.csv").write(_user_row(hub, user, status))
    files.sheet("deactivated", "partner_users.csv").write(
        _user_row(hub, partner.leaving, "deactivated")
    )
    for person in _team(partner):
        files.sheet("clients", "hubspot_team.csv").write(
            (hub, person["name"], person["email"], person["role"], TEAM_TEXT[person["role"]])
        )
    notified = partner.users[2].id if partner.place % 3 == 2 else ""  # noqa: PLR2004 - the third gets copies
    files.sheet("renewals", "renewal_settings.csv").write(
        (
            hub,
            partner.owner,
            notified,
            partner.contact.id if partner.owner == "Partner" else "",
            "09:00" if partner.place % 2 == 0 else "08:30",
            "entered;45;15;7;1;0;outcome",
        )
    )
    _write_tiers(files, partner, today)


def _user_row(hub: int, user: User, status: str) -> tuple[Any, ...]:
    role = "admin" if user.admin else "member"
    return (hub, user.id, user.first, user.last, user.email, role, status)


def _team(partner: Partner) -> list[dict[str, str]]:
    """HubSpot's people for a partner."""
    found = []
    for role, names in (
        ("channel_account_manager", CHANNEL_ACCOUNT_MANAGERS),
        ("channel_consultant", CHANNEL_CONSULTANTS),
    ):
        name = names[partner.place % len(names)]
        found.append({"name": name, "email": clients.hubspot_address(name), "role": role})
    return found


def _write_tiers(files: Folder, partner: Partner, today: date) -> None:
    """The first is certified for long, the second for some days, the third no more."""
    ends = (today + timedelta(300), today + timedelta(20), today - timedelta(12))[partner.place % 3]
    begins = ends - timedelta(395)
    files.sheet("tiers", "certifications.csv").write((partner.hub_id, begins, ends))
    reviews = (date(today.year - 1, 7, 15), date(today.year, 1, 15), date(today.year, 7, 15))
    since = max(day for day in reviews if day <= today)
    tier = ("Platinum", "Gold", "Silver")[partner.place % 3]
    files.sheet("tiers", "credited_tiers.csv").write((partner.hub_id, tier, since))


def _write_rates(files: Folder, today: date) -> None:
    """Rates of the last months. There is none for CHF, so that it can be seen what happens then."""
    month = today.replace(day=1)
    sheet = files.sheet("tiers", "currency_rates.csv")
    for back in range(6, -1, -1):
        day = month
        for _ in range(back):
            day = (day - timedelta(1)).replace(day=1)
        sheet.write((day, "EUR", "USD", f"1.0{80 + day.month * 7 % 9}"))
        sheet.write((day, "GBP", "USD", f"1.{2600 + day.month * 13 % 90}"))


def _trap(partner: Partner, client: clients.Client) -> dict[str, Any]:
    wish = client.wish
    starts = client.subscriptions[0].renews
    return {
        "trap": wish.trap,
        "expected": wish.expected,
        "partner_id": str(ids.partner_id(partner.hub_id)),
        "partner_hub_id": partner.hub_id,
        "partner": partner.name,
        "client_id": str(ids.client_id(partner.hub_id, client.record)),
        "record_id": client.record,
        "account_id": client.account,
        "name": client.name,
        "domain": client.domain,
        "renewal_start": starts.isoformat(),
        "moves_to": (starts + timedelta(wish.moves_by)).isoformat() if wish.moves_by else None,
        "owner": wish.owner or "Default setting",
        "point_of_contact_id": str(ids.user_id(partner.hub_id, partner.leaving.id))
        if wish.point_of_contact == "leaving"
        else None,
    }


def _told(
    partners: Sequence[Partner],
    traps: list[dict[str, Any]],
    *,
    seed: int,
    size: int,
    today: date,
) -> dict[str, Any]:
    """What stands in ``sample.json``: how it was made, who can sign in, and what is to be tried."""
    people = [person for partner in partners for person in _people(partner)]
    people.append(_overseer(partners))
    ended = [each for each in traps if each["trap"] == "services_ended"]
    return {
        "seed": seed,
        "clients": size,
        "today": today.isoformat(),
        "partners": [
            {
                "partner_id": str(ids.partner_id(each.hub_id)),
                "hub_id": each.hub_id,
                "name": each.name,
                "time_zone": each.region.zone,
                "currency": each.region.currency,
                "default_renewal_owner": each.owner,
                "clients": each.clients,
            }
            for each in partners
        ],
        "people": people,
        "folders": {
            "clients": "imported first, by the clients service",
            "renewals": "by the renewals service",
            "tiers": "by the tiers service",
            "moved": "by the clients service, later: terms that moved",
            "deactivated": "by the clients service, later: points of contact who left",
        },
        "end_services": [each["client_id"] for each in ended],
        "traps": traps,
    }


def _people(partner: Partner) -> Iterator[dict[str, Any]]:
    """Who can sign in: the partner's active users, and a person of HubSpot, who only reads."""
    common = {"partner_id": str(ids.partner_id(partner.hub_id)), "partner": partner.name}
    for user in partner.users:
        if user.active:
            yield {
                "id": str(ids.user_id(partner.hub_id, user.id)),
                **common,
                "role": "admin" if user.admin else "member",
                "name": f"{user.first} {user.last}",
            }
    manager = _team(partner)[0]
    yield {
        "id": str(ids.hubspot_person_id(manager["email"])),
        **common,
        "role": "staff",
        "name": manager["name"],
    }


def _overseer(partners: Sequence[Partner]) -> dict[str, Any]:
    """A person of HubSpot who may look at every partner, one at a time."""
    choice = [str(ids.partner_id(each.hub_id)) for each in partners]
    return {
        "id": str(ids.hubspot_person_id("robin.vance@hubspot.example")),
        "partner_id": choice[0],
        "partner": "HubSpot",
        "role": "staff",
        "name": "Robin Vance",
        "partner_ids": choice,
    }
