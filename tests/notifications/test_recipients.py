from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications import domain
from services.notifications.domain import (
    FACTORY,
    Choice,
    Client,
    Colleague,
    Contact,
    Partner,
    Policy,
    User,
)

PARTNER_ID, CLIENT_ID = uuid4(), uuid4()
ADA = User(UUID(int=1), "Ada", "ada@agency.example", admin=True)
BEN = User(UUID(int=2), "Ben", "ben@agency.example")
CLEO = User(UUID(int=3), "Cleo", "cleo@agency.example")
DORA = Contact(UUID(int=11), "Dora", "dora@acme.example", ("decision_maker",))
EVE = Contact(UUID(int=12), "Eve", "eve@acme.example", ("billing",))
RITA = Colleague(UUID(int=21), "Rita", "rita@hubspot.example", "renewal_manager")
CAM = Colleague(UUID(int=22), "Cam", "cam@hubspot.example", "channel_account_manager")
CORA = Colleague(UUID(int=23), "Cora", "cora@hubspot.example", "channel_consultant")
PARTNER = Partner(PARTNER_ID, "Agency", "UTC", (ADA, BEN, CLEO), (CAM, CORA))
CLIENT = Client(CLIENT_ID, PARTNER_ID, "Acme", "acme.example", 1, 2, 1, True, (DORA, EVE), RITA)
BY_PARTNER = Policy(default_owner=Choice("partner", point_of_contact_id=BEN.person_id))


def told(
    client: Client = CLIENT, policy: Policy = FACTORY, partner: Partner = PARTNER
) -> list[str]:
    owner = domain.owner_of(client, policy)
    return [r.person.email for r in domain.who_is_told(client, partner, policy, owner).recipients]


def test_hubspot_writes_to_the_decision_maker_where_nobody_chose_anything() -> None:
    owner = domain.owner_of(CLIENT, FACTORY)

    assert (owner.party, owner.source) == ("hubspot", "factory")
    assert told() == ["dora@acme.example"]


def test_the_roles_that_the_policy_names_are_told_each_in_a_message_of_their_own() -> None:
    policy = Policy(recipient_roles=("decision_maker", "billing"))

    assert told(policy=policy) == ["dora@acme.example", "eve@acme.example"]


def test_two_contacts_with_one_address_get_one_message() -> None:
    twin = replace(EVE, email="DORA@acme.example", roles=("decision_maker",))

    assert told(replace(CLIENT, contacts=(DORA, twin))) == ["dora@acme.example"]


def test_a_partner_user_who_is_to_be_notified_gets_one_copy() -> None:
    policy = Policy(recipient_roles=("decision_maker", "billing"))
    client = replace(CLIENT, override=Choice("hubspot", notified_user_id=BEN.person_id))

    found = domain.who_is_told(client, PARTNER, policy, domain.owner_of(client, policy))

    assert [r.copied for r in found.recipients] == [BEN, None]


def test_a_deactivated_user_gets_no_copy() -> None:
    gone = replace(PARTNER, users=(ADA, replace(BEN, active=False)))
    client = replace(CLIENT, override=Choice("hubspot", notified_user_id=BEN.person_id))

    [recipient] = domain.who_is_told(
        client, gone, FACTORY, domain.owner_of(client, FACTORY)
    ).recipients

    assert recipient.copied is None


def test_the_partner_as_owner_means_its_point_of_contact_and_nobody_of_the_client() -> None:
    assert told(policy=BY_PARTNER) == ["ben@agency.example"]


def test_an_override_of_the_client_beats_the_default_both_ways() -> None:
    to_hubspot = replace(CLIENT, override=Choice("hubspot"))
    to_partner = replace(CLIENT, override=Choice("partner", point_of_contact_id=CLEO.person_id))

    assert told(to_hubspot, BY_PARTNER) == ["dora@acme.example"]
    assert told(to_partner, FACTORY) == ["cleo@agency.example"]
    assert domain.owner_of(to_partner, FACTORY).source == "client"


@pytest.mark.parametrize(
    ("inactive", "default", "address", "rule"),
    [
        ({BEN}, CLEO, "cleo@agency.example", "client:default_point_of_contact"),
        ({BEN, CLEO}, CLEO, "ada@agency.example", "client:partner_admin"),
        ({BEN}, None, "ada@agency.example", "client:partner_admin"),
    ],
)
def test_a_point_of_contact_who_left_is_replaced_by_the_default_one_then_by_an_admin(
    inactive: set[User], default: User | None, address: str, rule: str
) -> None:
    users = tuple(replace(u, active=u not in inactive) for u in PARTNER.users)
    policy = Policy(default_point_of_contact_id=default.person_id if default else None)
    client = replace(CLIENT, override=Choice("partner", point_of_contact_id=BEN.person_id))

    [recipient] = domain.who_is_told(
        client, replace(PARTNER, users=users), policy, domain.owner_of(client, policy)
    ).recipients

    assert (recipient.person.email, recipient.rule) == (address, rule)


def test_a_clients_point_of_contact_who_left_is_replaced_by_that_of_the_partners_default() -> None:
    partner = replace(PARTNER, users=(ADA, BEN, replace(CLEO, active=False)))
    client = replace(CLIENT, override=Choice("partner", point_of_contact_id=CLEO.person_id))

    assert told(client, BY_PARTNER, partner) == ["ben@agency.example"]


def test_a_partner_without_an_active_admin_blocks_and_never_falls_to_the_client() -> None:
    users = tuple(replace(u, active=False) for u in PARTNER.users)
    partner = replace(PARTNER, users=users)

    found = domain.who_is_told(CLIENT, partner, BY_PARTNER, domain.owner_of(CLIENT, BY_PARTNER))

    assert (found.recipients, found.blocked) == ((), "no_active_partner_user")
    assert found.audience == "partner"


def test_a_client_without_a_decision_maker_blocks() -> None:
    client = replace(CLIENT, contacts=(EVE,))

    found = domain.who_is_told(client, PARTNER, FACTORY, domain.owner_of(client, FACTORY))

    assert (found.recipients, found.blocked) == ((), "no_contact_in_roles")


def test_a_decision_maker_without_a_usable_address_blocks_with_another_reason() -> None:
    client = replace(CLIENT, contacts=(replace(DORA, email="dora at acme"),))

    found = domain.who_is_told(client, PARTNER, FACTORY, domain.owner_of(client, FACTORY))

    assert found.blocked == "contact_address_unusable"


def test_with_hubspot_as_owner_its_renewal_manager_is_told_too_unless_switched_off() -> None:
    owner = domain.owner_of(CLIENT, FACTORY)
    off = replace(FACTORY, tell_renewal_manager=False)

    found = domain.renewal_manager_too(CLIENT, FACTORY, owner)

    assert found is not None
    assert (found.person, found.audience) == (RITA, "hubspot")
    assert domain.renewal_manager_too(CLIENT, off, owner) is None
    assert domain.renewal_manager_too(replace(CLIENT, renewal_manager=None), FACTORY, owner) is None


def test_a_renewal_manager_without_a_usable_address_is_not_written_to() -> None:
    client = replace(CLIENT, renewal_manager=replace(RITA, email=""))

    assert domain.renewal_manager_too(client, FACTORY, domain.owner_of(client, FACTORY)) is None


def test_with_the_partner_as_owner_the_renewal_manager_is_not_told() -> None:
    owner = domain.owner_of(CLIENT, BY_PARTNER)

    assert domain.renewal_manager_too(CLIENT, BY_PARTNER, owner) is None


def test_when_services_ended_the_client_is_told_alone_whatever_was_chosen() -> None:
    choice = Choice("partner", point_of_contact_id=BEN.person_id)
    client = replace(CLIENT, serviced=False, override=choice)

    owner = domain.owner_of(client, BY_PARTNER)
    [recipient] = domain.who_is_told(client, PARTNER, BY_PARTNER, owner).recipients

    assert (owner.party, owner.source) == ("hubspot", "services_ended")
    assert (recipient.person, recipient.copied) == (DORA, None)


def test_a_renewal_that_ended_silences_the_partner_before_the_client_is_known_to_have() -> None:
    assert domain.owner_of(CLIENT, BY_PARTNER, ended=True).source == "services_ended"


def test_an_agency_that_stands_in_the_clients_contacts_is_silenced_with_its_services() -> None:
    client = replace(CLIENT, serviced=False, contacts=(replace(DORA, email="Ben@agency.example"),))

    found = domain.who_is_told(client, PARTNER, FACTORY, domain.owner_of(client, FACTORY))

    assert found.blocked == "contact_address_unusable"


def test_a_clients_person_with_a_seat_at_the_partner_never_gets_a_partner_owned_message() -> None:
    seat = replace(BEN, email="Dora@acme.example")
    partner = replace(PARTNER, users=(ADA, seat))

    assert told(policy=BY_PARTNER, partner=partner) == ["ada@agency.example"]


def test_the_end_of_services_is_told_to_renewal_manager_and_channel_account_manager() -> None:
    found = domain.who_hears_of_the_end(CLIENT, PARTNER)

    assert [r.person for r in found.recipients] == [RITA, CAM]
    assert {r.audience for r in found.recipients} == {"hubspot"}


def test_without_a_channel_account_manager_the_whole_team_hears_of_the_end() -> None:
    partner = replace(PARTNER, team=(CORA,))

    found = domain.who_hears_of_the_end(replace(CLIENT, renewal_manager=None), partner)

    assert [r.person for r in found.recipients] == [CORA]


def test_an_end_that_nobody_at_hubspot_can_hear_of_blocks() -> None:
    found = domain.who_hears_of_the_end(
        replace(CLIENT, renewal_manager=None), replace(PARTNER, team=())
    )

    assert found.blocked == "no_hubspot_person"


USER_IDS = [u.person_id for u in PARTNER.users]
CHOICES = st.builds(
    Choice,
    st.sampled_from(["default", "hubspot", "partner"]),
    st.sampled_from([None, *USER_IDS, uuid4()]),
    st.sampled_from([None, *USER_IDS, uuid4()]),
)


@given(
    override=CHOICES,
    default=CHOICES,
    poc=st.sampled_from([None, *USER_IDS]),
    active=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    admin=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    serviced=st.booleans(),
    roles=st.lists(st.sampled_from(["decision_maker", "billing", "primary"]), min_size=1),
)
def test_no_message_of_one_side_ever_reaches_the_other(
    override: Choice,
    default: Choice,
    poc: UUID | None,
    active: tuple[bool, ...],
    admin: tuple[bool, ...],
    serviced: bool,
    roles: list[str],
) -> None:
    users = tuple(
        replace(u, active=a, admin=b) for u, a, b in zip(PARTNER.users, active, admin, strict=True)
    )
    partner = replace(PARTNER, users=users)
    policy = Policy(default, poc, tuple(roles))
    client = replace(CLIENT, override=override, serviced=serviced)

    owner = domain.owner_of(client, policy)
    found = domain.who_is_told(client, partner, policy, owner)
    people = {r.person.email for r in found.recipients}
    copies = {r.copied.email for r in found.recipients if r.copied}

    assert bool(found.recipients) != bool(found.blocked)
    if owner.party == "partner":
        assert people <= {u.email for u in users if u.active}
        assert not copies
        assert serviced
    else:
        assert people <= {c.email for c in client.contacts}
        assert copies <= {u.email for u in users if u.active}
    if not serviced:
        assert not copies
        assert not {u.email for u in users} & people


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example",
        "first.last+tag@sub.domain.example",
        "x_y-z'@d-1.example",
    ],
)
def test_plain_addresses_are_usable(address: str) -> None:
    assert domain.usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@b",
        "a b@c.example",
        "a@b.example\r\nRCPT TO:<x@y.example>",
        "a@b.example\n",
        "<a@b.example>",
        "a@b.example,c@d.example",
        '"a b"@c.example',
        "a..b@c.example",
        ".a@c.example",
        "a@-c.example",
        "ä@c.example",
        "a@[127.0.0.1]",
        "a\0@c.example",
        "a" * 65 + "@c.example",
        "a@" + "b" * 250 + ".example",
    ],
)
def test_addresses_that_could_carry_anything_else_are_not_usable(address: str) -> None:
    assert not domain.usable(address)
