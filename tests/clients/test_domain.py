"""What the clients service decides."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.clients import domain
from services.clients.domain import Client, EmailUse, Partner, Refused, figures
from shared.contracts import clients
from shared.contracts.clients import (
    Allowance,
    AppUsage,
    Company,
    Contact,
    HubSpotPerson,
    PartnerUser,
    Relationship,
    Services,
    Subscription,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
ANN = uuid4()


def client(**other: Any) -> Client:
    known: dict[str, Any] = {
        "client_id": uuid4(),
        "partner_id": uuid4(),
        "record_id": 7,
        "account_id": 200,
        "version": 3,
        "company": Company(name="Acme", domain="acme.example"),
        "relationship": Relationship(sold=True, managed=True),
    }
    return Client(**(known | other))


def contact(name: str = "Eve", **other: Any) -> Contact:
    return Contact(contact_id=uuid4(), name=name, email="eve@client.example", **other)


def subscription(product: str = "Marketing Hub Professional", **other: Any) -> Subscription:
    known: dict[str, Any] = {
        "subscription_id": uuid4(),
        "product": product,
        "mrr": Decimal(100),
        "currency": "USD",
        "term_start": date(2025, 3, 5),
        "term_end": date(2026, 3, 4),
    }
    return Subscription(**(known | other))


def partner(*users: PartnerUser, **other: Any) -> Partner:
    known: dict[str, Any] = {"partner_id": uuid4(), "hub_id": 1001, "version": 1, "name": "North"}
    return Partner(**(known | other), users=users)


def user(*, admin: bool = True, active: bool = True) -> PartnerUser:
    return PartnerUser(user_id=uuid4(), name="U", email="u@a.example", admin=admin, active=active)


@pytest.mark.parametrize(
    ("tier", "products", "limit"),
    [
        ("Professional 2,000", ["Marketing Hub Starter"], 20_000),
        ("Starter 2,000", ["Marketing Hub Professional"], 10_000),
        ("", ["Marketing Hub Starter", "Sales Hub Enterprise"], 10_000),
        ("", ["Marketing Hub Starter", "Marketing Hub Professional"], 20_000),
        ("", ["Sales Hub Starter"], 10_000),
        ("", ["Service Hub Starter", "Sales Hub Professional"], 20_000),
        ("", [], 20_000),
    ],
)
def test_sends_are_ten_times_the_contacts_and_five_times_for_starter(
    tier: str, products: list[str], limit: int
) -> None:
    assert figures.email_limit(2000, tier, products) == limit


def test_an_email_limit_that_is_given_holds_and_one_that_is_not_follows_the_contacts() -> None:
    tier = Allowance(limit=1000, used=10, tier="Professional 1,000")
    given = client(contact_tier=tier, email_use=EmailUse(limit=777, used=5))
    derived = client(contact_tier=tier, email_use=EmailUse(limit=None, used=5))

    assert given.email_tier == Allowance(limit=777, used=5)
    assert derived.email_tier == Allowance(limit=10_000, used=5)
    assert client(contact_tier=tier).email_tier == Allowance(limit=10_000, used=0)
    assert client(email_use=EmailUse(limit=None, used=5)).email_tier is None


@pytest.mark.parametrize(
    ("used", "limit", "nearness", "share"),
    [
        (0, 100, "within", "0.0"),
        (899, 1000, "within", "89.9"),
        (900, 1000, "near", "90.0"),
        (1000, 1000, "near", "100.0"),
        (1001, 1000, "over", "100.1"),
        (0, 0, "within", None),
        (1, 0, "over", None),
    ],
)
def test_a_limit_is_near_from_ninety_percent_on_and_passed_above_it(
    used: int, limit: int, nearness: str, share: str | None
) -> None:
    allowance = Allowance(limit=limit, used=used)

    assert figures.nearness(allowance) == nearness
    assert figures.share(allowance) == (share and Decimal(share))


def test_usage_has_three_bands() -> None:
    assert [figures.band(apps) for apps in (0, 3, 4, 6, 7, 17)] == [
        "low",
        "low",
        "medium",
        "medium",
        "high",
        "high",
    ]


def test_amounts_in_two_currencies_are_never_added() -> None:
    euros = subscription(mrr=Decimal("10.10"), currency="EUR")
    dollars = [subscription(mrr=Decimal("0.10")), subscription(mrr=Decimal("0.20"))]

    assert figures.mrr([*dollars, euros]) == {"EUR": Decimal("10.10"), "USD": Decimal("0.30")}


def test_services_end_once_in_a_period_with_actor_and_reason() -> None:
    served = client()

    ended, [change] = domain.end_services(served, ANN, " moved on ", NOW)
    again, nothing = domain.end_services(ended, uuid4(), "again", NOW)

    fact = change.fact
    assert isinstance(fact, clients.ServicesEnded)
    assert (fact.version, fact.period, fact.ended_by, fact.reason) == (4, 1, ANN, "moved on")
    assert ended.services == Services(active=False, period=1, ended_at=NOW)
    assert (again, nothing) == (ended, [])
    assert ended.version == 4


def test_resuming_begins_a_new_period_that_the_old_end_says_nothing_about() -> None:
    ended, [end] = domain.end_services(client(), ANN, "moved on", NOW)
    resumed, [change] = domain.resume_services(ended, ANN, NOW)
    same, nothing = domain.resume_services(resumed, ANN, NOW)

    assert resumed.services == Services(active=True, period=2)
    assert (change.version, nothing, same) == (5, [], resumed)
    assert isinstance(end.fact, clients.ServicesEnded)
    assert end.fact.period < resumed.services.period


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 2001])
def test_services_do_not_end_without_a_reason(reason: str) -> None:
    with pytest.raises(Refused, match="why services end") as refused:
        domain.end_services(client(), ANN, reason, NOW)
    assert (refused.value.field, refused.value.status) == ("reason", 422)


def test_the_first_fact_of_a_client_says_all_that_there_is() -> None:
    known = client(version=1, subscriptions=(subscription(),))

    registered, [change] = domain.register(known, NOW)

    fact = change.fact
    assert isinstance(fact, clients.ClientRegistered)
    assert fact.subscriptions == known.subscriptions
    assert (registered.version, fact.version, change.before) == (1, 1, None)


def test_every_change_counts_the_version_up_and_the_snapshot_carries_the_last() -> None:
    gone, kept, new = subscription(), subscription("Sales Hub Starter"), subscription("CMS Hub")
    dearer = kept.model_copy(update={"mrr": Decimal(200)})
    before = client(subscriptions=(gone, kept), contacts=(contact(),))
    after = before.model_copy(
        update={
            "company": Company(name="Acme 2", domain="acme.example"),
            "relationship": Relationship(sold=False, managed=True),
            "renewal_manager": HubSpotPerson(
                person_id=uuid4(), name="R", email="r@h.example", role="x"
            ),
            "contacts": (contact("Fay"),),
            "subscriptions": (dearer, new),
            "contact_tier": Allowance(limit=10, used=1),
            "app_usage": AppUsage(apps_used=3, period_end=TODAY),
        }
    )

    now, changes = domain.compare(before, after, NOW)

    assert [change.what for change in changes] == [
        "CompanyChanged",
        "ClientRelationshipChanged",
        "RenewalManagerChanged",
        "ClientContactsChanged",
        "SubscriptionRemoved",
        "SubscriptionChanged",
        "SubscriptionChanged",
        "AllowancesRecorded",
        "AppUsageRecorded",
    ]
    assert [change.version for change in changes] == list(range(4, 13))
    assert now.version == now.snapshot(NOW).version == 12
    assert all(fact.version == change.version for change in changes if (fact := change.fact))


def test_names_and_addresses_of_persons_stand_in_no_fact() -> None:
    before = client(contacts=(contact("Eve Canary"),))
    after = before.model_copy(update={"contacts": (contact("Fay Canary"),)})

    _, changes = domain.compare(before, after, NOW)

    told = "".join(fact.model_dump_json() for fact in domain.facts(changes))
    assert "Canary" not in told
    assert "client.example" not in told
    assert "Canary" in str(changes[0].before)


def test_the_order_of_contacts_and_subscriptions_is_no_change() -> None:
    one, two = contact(), contact("Fay")
    first, second = subscription(), subscription("CMS Hub")
    before = client(contacts=(one, two), subscriptions=(first, second))
    after = before.model_copy(update={"contacts": (two, one), "subscriptions": (second, first)})

    assert domain.compare(before, after, NOW) == (after, [])


def test_an_email_limit_that_is_set_to_what_follows_anyway_is_no_fact() -> None:
    before = client(contact_tier=Allowance(limit=100, used=1))
    after, [change] = domain.record_allowances(
        before, before.contact_tier, EmailUse(limit=1000, used=0), NOW
    )

    assert change.fact is None
    assert after.email_tier == before.email_tier
    assert after.version == 4


@pytest.mark.parametrize(
    ("relationship", "field"),
    [
        (Relationship(sold=False, managed=False), "managed"),
        (Relationship(sold=False, managed=True, sold_on=TODAY), "sold_on"),
        (Relationship(sold=True, managed=True, sold_on=date(2026, 1, 16)), "sold_on"),
    ],
)
def test_a_relationship_that_cannot_be_is_refused(relationship: Relationship, field: str) -> None:
    with pytest.raises(Refused) as refused:
        domain.set_relationship(client(), relationship, TODAY, NOW)
    assert refused.value.field == field


def test_a_sale_may_be_of_today() -> None:
    sold = Relationship(sold=True, managed=False, sold_on=TODAY)
    changed, [change] = domain.set_relationship(client(), sold, TODAY, NOW)
    assert changed.relationship == sold
    assert change.before == {"sold": True, "managed": True, "sold_on": None}


def test_what_is_known_already_is_not_added_and_what_is_not_known_not_changed() -> None:
    eve, hub = contact(), subscription()
    known = client(contacts=(eve,), subscriptions=(hub,))

    with pytest.raises(Refused, match="record_id") as refused:
        domain.add_contact(known, eve, NOW)
    assert refused.value.status == 409
    with pytest.raises(Refused, match="record_id") as refused:
        domain.add_subscription(known, hub, NOW)
    assert refused.value.status == 409
    assert domain.replace_contact(known, contact(), NOW) is None
    assert domain.remove_contact(known, uuid4(), NOW) is None
    assert domain.replace_subscription(known, subscription(), NOW) is None
    assert domain.remove_subscription(known, uuid4(), NOW) is None


def test_a_client_has_at_most_so_much_that_its_snapshot_can_be_sent() -> None:
    crowd = client(
        contacts=tuple(contact() for _ in range(500)),
        subscriptions=tuple(subscription() for _ in range(200)),
    )
    with pytest.raises(Refused, match="at most 500 contacts"):
        domain.add_contact(crowd, contact(), NOW)
    with pytest.raises(Refused, match="at most 200 subscriptions"):
        domain.add_subscription(crowd, subscription(), NOW)


def test_a_term_does_not_end_before_it_begins() -> None:
    backwards = subscription(term_end=date(2025, 3, 4))
    with pytest.raises(Refused, match="2025-03-05 or later"):
        domain.add_subscription(client(), backwards, NOW)
    with pytest.raises(Refused, match="2025-03-05 or later"):
        domain.replace_subscription(client(subscriptions=(backwards,)), backwards, NOW)


def test_an_older_period_does_not_replace_the_usage_that_is_known() -> None:
    known = client(app_usage=AppUsage(apps_used=5, period_end=date(2025, 12, 31)))

    same, [change] = domain.record_app_usage(
        known, AppUsage(apps_used=6, period_end=date(2025, 12, 31)), NOW
    )
    with pytest.raises(Refused, match="2025-12-31 or later") as refused:
        domain.record_app_usage(known, AppUsage(apps_used=1, period_end=date(2025, 11, 30)), NOW)

    assert same.app_usage == AppUsage(apps_used=6, period_end=date(2025, 12, 31))
    assert change.version == 4
    assert refused.value.status == 409


def test_the_last_active_admin_stays() -> None:
    admin, member, former = user(), user(admin=False), user(active=False)
    few = partner(admin, member, former)

    with pytest.raises(Refused, match="last active admin") as refused:
        domain.deactivate_user(few, admin.user_id, NOW)
    decided = domain.deactivate_user(few, member.user_id, NOW)

    assert refused.value.status == 409
    assert decided is not None
    assert [change.what for change in decided[1]] == ["PartnerUserDeactivated"]


def test_deactivating_twice_or_reactivating_an_active_user_changes_nothing() -> None:
    admin, member = user(), user(admin=False)
    known = partner(admin, member)

    decided = domain.deactivate_user(known, member.user_id, NOW)
    assert decided is not None
    again = domain.deactivate_user(decided[0], member.user_id, NOW)
    back = domain.reactivate_user(decided[0], member.user_id, NOW)
    still = domain.reactivate_user(known, member.user_id, NOW)

    assert again is not None
    assert back is not None
    assert still is not None
    assert (again[1], still[1]) == ([], [])
    assert [change.what for change in back[1]] == ["PartnerUserReactivated"]
    assert domain.deactivate_user(known, uuid4(), NOW) is None
    assert domain.reactivate_user(known, uuid4(), NOW) is None


def test_a_new_partner_is_told_with_its_people_and_who_no_longer_acts() -> None:
    team = (HubSpotPerson(person_id=uuid4(), name="C", email="c@h.example", role="cam"),)
    known = partner(user(), user(active=False), team=team, time_zone="Europe/Berlin")

    registered, changes = domain.register_partner(known, NOW)

    assert [change.what for change in changes] == [
        "PartnerRegistered",
        "PartnerUserRegistered",
        "PartnerUserRegistered",
        "PartnerUserDeactivated",
        "HubSpotTeamChanged",
    ]
    assert registered.version == registered.snapshot(NOW).version == 5


def test_a_user_that_is_renamed_changes_the_snapshot_alone() -> None:
    ann = user()
    renamed = ann.model_copy(update={"name": "Ann"})
    before = partner(ann)
    after, changes = domain.compare_partner(
        before, before.model_copy(update={"name": "N", "users": (renamed,)}), NOW
    )
    assert [change.what for change in changes] == ["PartnerRenamed", "PartnerUserChanged"]
    assert domain.facts(changes) == []
    assert after.version == 3


@pytest.mark.parametrize(
    ("check", "text", "right"),
    [
        (domain.values.text, "  two \n words ", "two words"),
        (domain.values.text, "\u202eabc", "\u202eabc"),
        (domain.values.lines, " a\r\nb\rc ", "a\nb\nc"),
        (domain.values.email, "Ana.O'Neil+x@Example.COM", "Ana.O'Neil+x@example.com"),
        (domain.values.email, "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        (domain.values.host, "WWW.Example.com.", "www.example.com"),
        (domain.values.host, "bücher.de", "bücher.de"),
        (domain.values.currency, " usd ", "USD"),
        (domain.values.time_zone, "Europe/Berlin", "Europe/Berlin"),
        (domain.values.role, "Channel Account-Manager", "channel_account_manager"),
    ],
)
def test_a_value_that_can_be_understood_is_tidied(check: Any, text: str, right: str) -> None:
    assert check(text) == right


@pytest.mark.parametrize(
    ("check", "texts"),
    [
        (domain.values.text, ["a\x00b", "a\x1bb", "a\x7f", "x" * 10_001]),
        (domain.values.some_text, ["", " \n "]),
        (domain.values.lines, ["a\x00", "a\x0bb", "x" * 10_001]),
        (
            domain.values.email,
            [
                "",
                "a",
                "a@b",
                "a@b.c",
                "a b@c.de",
                "a@c.de\r\nBcc: x@y.de",
                "a@c.de\n",
                "a\0@c.de",
                "a..b@c.de",
                ".a@c.de",
                "a@-c.de",
                "a@c-.de",
                "a@c..de",
                "a@c.123",
                '"a b"@c.de',
                "Ana <a@c.de>",
                "a@c.de,b@c.de",
                "ä@c.de",
                "a@bücher.de",
                "a@[127.0.0.1]",
                "x" * 65 + "@c.de",
                "a@" + "b." * 126 + "de",
            ],
        ),
        (
            domain.values.host,
            [
                "",
                "example",
                "a b.de",
                "https://a.de",
                "a.de/x",
                "a_b.de",
                "-a.de",
                "a.1",
                "a" * 64 + ".de",
            ],
        ),
        (domain.values.currency, ["", "US", "USDX", "XXX", "US$"]),
        (domain.values.time_zone, ["", "Europe/Atlantis", "+02:00", "localtime", "../etc/passwd"]),
        (domain.values.role, ["", "1st", "a" * 41, "rôle", "a;b"]),
        (domain.values.day, [date(1989, 12, 31), date(2200, 1, 1)]),
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_with_what_would_be_right(
    check: Any, texts: list[Any]
) -> None:
    for text in texts:
        with pytest.raises(ValueError, match=r"\w"):
            check(text)


@given(st.text())
def test_an_address_that_passes_has_one_at_and_nothing_that_a_mail_header_reads(
    noise: str,
) -> None:
    try:
        kept = domain.values.email(f"{noise}@example.com")
    except ValueError:
        return
    assert kept.count("@") == 1
    assert kept.isascii()
    assert kept.isprintable()
    assert not set(kept) & set(' <>,;:"()[]\\')


def test_links_are_made_of_ids_alone() -> None:
    patterns = domain.links.Patterns(
        "https://h.example/{hub}/{record}", "https://h.example/{account}"
    )
    assert patterns.of(1, 2, 3) == domain.links.Links(
        "https://h.example/1/2", "https://h.example/3"
    )


def test_a_user_is_found_by_id() -> None:
    ann = user()
    assert partner(ann).user(ann.user_id) == ann
    assert partner(ann).user(UUID(int=0)) is None
