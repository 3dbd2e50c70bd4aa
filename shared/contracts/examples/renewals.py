"""What the renewals service says about the renewal of the story."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid5

from shared.contracts import ids, renewals
from shared.contracts.event import Event
from shared.contracts.examples.story import (
    ADMIN,
    CLIENT,
    DEADLINE,
    HUB,
    MEMBER,
    PARTNER,
    RENEWAL,
    START,
    ZONE,
    at,
)

_MARKETING = renewals.Product(
    subscription_id=ids.subscription_id(HUB, 660_411),
    product="Marketing Hub Professional",
    current_mrr=Decimal("890.00"),
    renewal_mrr=Decimal("935.00"),
)
_SALES = renewals.Product(
    subscription_id=ids.subscription_id(HUB, 660_412),
    product="Sales Hub Professional",
    current_mrr=Decimal("450.00"),
    renewal_mrr=Decimal("450.00"),
)
_SAME = renewals.Option(
    option_id=uuid5(RENEWAL, "As it is"),
    name="As it is",
    renewal_mrr=Decimal("1385.00"),
    products=(_MARKETING, _SALES),
)
_LESS = renewals.Option(
    option_id=uuid5(RENEWAL, "Marketing only"),
    name="Marketing only",
    renewal_mrr=Decimal("935.00"),
    products=(_MARKETING,),
)
_STAGES = (
    renewals.Stage(name="entered"),
    *(renewals.Stage(name=f"d-{days}", days_before_deadline=days) for days in (45, 15, 7, 1, 0)),
    renewals.Stage(name="outcome", days_before_deadline=-1),
)
_BY_DEFAULT = renewals.OwnerChoice(owner="default")
_HUBSPOT = renewals.OwnerChoice(owner="hubspot", notified_user_id=MEMBER)
_PARTNER = renewals.OwnerChoice(owner="partner", point_of_contact_id=ADMIN)
_MRR: dict[str, Any] = {
    "currency": "USD",
    "current_mrr": Decimal("1340.00"),
    "renewal_mrr": Decimal("1385.00"),
}


def _of_renewal(version: int, moment: datetime) -> dict[str, Any]:
    return {
        "version": version,
        "occurred_at": moment,
        "renewal_id": RENEWAL,
        "client_id": CLIENT,
        "partner_id": PARTNER,
    }


def _snapshots() -> Iterator[Event]:
    yield renewals.PartnerPolicySnapshot(
        version=3,
        occurred_at=at(2025, 11, 24, 16, 0),
        partner_id=PARTNER,
        default_owner=_HUBSPOT,
        default_point_of_contact_id=ADMIN,
        recipient_roles=("decision_maker",),
        tell_renewal_manager=True,
        send_hour="09:00",
        stages=_STAGES,
    )
    yield renewals.ClientRenewalsSnapshot(
        version=5,
        occurred_at=at(2026, 1, 3, 11, 20),
        client_id=CLIENT,
        partner_id=PARTNER,
        owner=_PARTNER,
        stages=(_STAGES[0], _STAGES[2], _STAGES[-1]),
        renewals=(
            renewals.Renewal(
                renewal_id=RENEWAL,
                kind="renewal",
                status="pending",
                renewal_start=START,
                deadline=DEADLINE,
                products=(_MARKETING, _SALES),
                options=(_SAME, _LESS),
                chosen_option_id=_SAME.option_id,
                version=3,
                **_MRR,
            ),
        ),
        owner_version=2,
        stages_version=1,
    )


def _dates() -> Iterator[Event]:
    before = date(2026, 3, 1)
    yield renewals.RenewalScheduled(
        **_of_renewal(1, at(2025, 11, 5, 14, 0)),
        kind="renewal",
        renewal_start=before,
        deadline=date(2026, 1, 15),
        products=(_MARKETING, _SALES),
        **_MRR,
    )
    yield renewals.RenewalMoved(
        **_of_renewal(2, at(2025, 11, 6, 9, 30)),
        previous_start=before,
        renewal_start=START,
        deadline=DEADLINE,
    )
    yield renewals.RenewalTermsChanged(
        **_of_renewal(3, at(2025, 12, 1, 10, 45)),
        products=(_MARKETING, _SALES),
        options=(_SAME, _LESS),
        **_MRR,
    )
    yield renewals.RenewalDeadlineApproaching(
        **_of_renewal(6, at(2026, 1, 4, 14, 0)),
        kind="renewal",
        status="pending",
        stage="d-15",
        due_at=at(2026, 1, 4, 14, 0),
        due_until=at(2026, 1, 12, 14, 0),
        time_zone=ZONE,
        renewal_start=START,
        deadline=DEADLINE,
        days_to_renewal=60,
        days_to_deadline=15,
        superseded=("d-45",),
        products=(_MARKETING, _SALES),
        owner=renewals.EffectiveOwner(owner="partner", source="client", point_of_contact_id=ADMIN),
        client_version=7,
        partner_version=14,
        renewals_version=5,
        policy_version=3,
        **_MRR,
    )


def _outcomes() -> Iterator[Event]:
    yield renewals.RenewalDecided(
        **_of_renewal(7, at(2026, 1, 6, 19, 5)),
        status="renewed",
        renewal_start=START,
        decided_by=ADMIN,
        option_id=_SAME.option_id,
        reason="Agreed with the client on the phone.",
    )
    yield renewals.RenewalSettled(
        **_of_renewal(10, at(2026, 1, 20, 5, 0)),
        status="renewed",
        renewal_start=START,
        settled_on=date(2026, 1, 20),
    )
    yield renewals.RenewalEnded(
        **_of_renewal(8, at(2026, 1, 8, 16, 40)), period=1, renewal_start=START
    )
    yield renewals.RenewalReopened(
        **_of_renewal(9, at(2026, 1, 13, 13, 0)), period=2, renewal_start=START
    )
    yield renewals.RenewalWithdrawn(**_of_renewal(11, at(2026, 2, 2, 12, 0)), renewal_start=START)


def _settings() -> Iterator[Event]:
    yield renewals.RenewalOwnerChanged(
        version=4,
        occurred_at=at(2025, 12, 10, 15, 10),
        client_id=CLIENT,
        partner_id=PARTNER,
        owner=_PARTNER,
        previous=_BY_DEFAULT,
        changed_by=ADMIN,
    )
    yield renewals.DefaultRenewalOwnerChanged(
        version=2,
        occurred_at=at(2025, 11, 24, 15, 50),
        partner_id=PARTNER,
        owner=_HUBSPOT,
        previous=renewals.OwnerChoice(owner="hubspot"),
        changed_by=ADMIN,
    )
    yield renewals.StagesChanged(
        version=3,
        occurred_at=at(2025, 11, 24, 16, 0),
        partner_id=PARTNER,
        stages=_STAGES,
        send_hour="09:00",
        changed_by=ADMIN,
    )


def said() -> Iterator[Event]:
    """One of each event."""
    yield from _snapshots()
    yield from _dates()
    yield from _outcomes()
    yield from _settings()
