"""Ids are the same in every service, in every version, and for whoever makes them elsewhere."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import ids

ANY_ID = st.integers(min_value=0, max_value=10**12)


def named(text: str) -> UUID:
    return uuid5(ids.NAMESPACE, text)


@given(hub=ANY_ID, record=ANY_ID)
def test_an_id_is_the_uuid_of_hubspots_own_keys(hub: int, record: int) -> None:
    client = ids.client_id(hub, record)

    assert ids.partner_id(hub) == named(f"partner:{hub}")
    assert ids.user_id(hub, record) == named(f"user:{hub}:{record}")
    assert client == named(f"client:{hub}:{record}")
    assert ids.contact_id(hub, record) == named(f"contact:{hub}:{record}")
    assert ids.subscription_id(hub, record) == named(f"subscription:{hub}:{record}")


@given(known=st.lists(st.tuples(ANY_ID, ANY_ID), min_size=1))
def test_the_texts_of_many_are_those_ids(known: list[tuple[int, int]]) -> None:
    hubs, records = zip(*known, strict=True)

    assert ids.texts("partner", hubs) == [str(ids.partner_id(hub)) for hub in hubs]
    assert ids.texts("client", hubs, records) == [str(ids.client_id(*each)) for each in known]
    assert ids.texts("contact", hubs, records) == [str(ids.contact_id(*each)) for each in known]
    made = ids.texts("subscription", hubs, records)
    assert made == [str(ids.subscription_id(*each)) for each in known]


@given(start=st.dates(), stage=st.sampled_from(["entered", "d-45", "d-0", "outcome"]))
def test_a_renewal_and_its_stages_have_ids_that_follow_from_start_and_stage(
    start: object, stage: str
) -> None:
    client = named("any client")
    renewal = ids.renewal_id(client, "renewal", str(start))

    assert renewal == named(f"renewal:{client}:renewal:{start}")
    event = ids.deadline_event_id(renewal, str(start), stage)
    assert event == named(f"deadline:{renewal}:{start}:{stage}")


def test_a_person_of_hubspot_is_known_by_the_address_however_it_is_written() -> None:
    assert ids.hubspot_person_id(" Noor.Haddad@HubSpot.example ") == ids.hubspot_person_id(
        "noor.haddad@hubspot.example"
    )


def test_ids_that_were_published_never_change() -> None:
    assert str(ids.NAMESPACE) == "6f1d2f62-7d0c-5c57-9d8e-5a2f6c0b9b11"
    assert str(ids.partner_id(5_040_118)) == "ffdd602d-64cf-5c82-aa1a-79fc1ef90fdf"
    assert str(ids.client_id(5_040_118, 18_204_417)) == "12ef2754-4c78-5668-a744-e223e26d341d"
