"""Who and what the examples are about: a partner, its client, and one renewal."""

from datetime import UTC, date, datetime

from shared.contracts import ids

HUB, RECORD, ACCOUNT = 5_040_118, 18_204_417, 7_311_902
PARTNER, CLIENT = ids.partner_id(HUB), ids.client_id(HUB, RECORD)
ADMIN, MEMBER = ids.user_id(HUB, 40_221), ids.user_id(HUB, 40_387)
MANAGER = ids.hubspot_person_id("noor.haddad@hubspot.example")
CHANNEL = ids.hubspot_person_id("tom.okafor@hubspot.example")
BUYER, BOOKKEEPER = ids.contact_id(HUB, 9_120_551), ids.contact_id(HUB, 9_120_560)
ZONE = "America/New_York"
START, DEADLINE = date(2026, 3, 5), date(2026, 1, 19)
RENEWAL = ids.renewal_id(CLIENT, "renewal", START.isoformat())


def at(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    """An instant of the story, in UTC."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
