"""A partner with its users and its HubSpot team."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.clients.domain.change import Change, Recorder
from services.clients.domain.refused import Refused
from shared.contracts.clients import (
    HubSpotPerson,
    HubSpotTeamChanged,
    PartnerEvent,
    PartnerRegistered,
    PartnerSnapshot,
    PartnerTimeZoneChanged,
    PartnerUser,
    PartnerUserDeactivated,
    PartnerUserReactivated,
    PartnerUserRegistered,
)
from shared.contracts.event import Data

Decision: TypeAlias = tuple["Partner", list[Change[PartnerEvent]]]


class Partner(Data):
    """An agency that sells and services HubSpot for its clients: the tenant."""

    partner_id: UUID
    hub_id: int
    version: int = 0
    name: str
    time_zone: str = "UTC"
    users: tuple[PartnerUser, ...] = ()
    team: tuple[HubSpotPerson, ...] = ()

    def user(self, user_id: UUID) -> PartnerUser | None:
        """The user with this id, if it is one of the partner's."""
        return next((user for user in self.users if user.user_id == user_id), None)

    def snapshot(self, at: datetime) -> PartnerSnapshot:
        """The whole truth about the partner, for everybody else."""
        return PartnerSnapshot(
            version=self.version,
            occurred_at=at,
            partner_id=self.partner_id,
            hub_id=self.hub_id,
            name=self.name,
            time_zone=self.time_zone,
            users=self.users,
            team=self.team,
        )


def _recorder(partner: Partner, at: datetime) -> Recorder[PartnerEvent]:
    return Recorder(partner.version, at, partner_id=partner.partner_id)


def register_partner(partner: Partner, at: datetime) -> Decision:
    """Know a partner for the first time, with the people that come with it."""
    alone = partner.model_copy(update={"version": 0, "users": (), "team": ()})
    recorder = _recorder(alone, at)
    recorder.note(
        "PartnerRegistered",
        None,
        {"name": partner.name, "time_zone": partner.time_zone},
        PartnerRegistered,
        hub_id=partner.hub_id,
        time_zone=partner.time_zone,
    )
    return _compare(recorder, alone, partner)


def compare_partner(before: Partner, after: Partner, at: datetime) -> Decision:
    """Work out what changed between two states; names and addresses have no fact."""
    return _compare(_recorder(before, at), before, after)


def move_to_time_zone(partner: Partner, time_zone: str, at: datetime) -> Decision:
    """Let the partner's days begin by another zone."""
    return compare_partner(partner, partner.model_copy(update={"time_zone": time_zone}), at)


def deactivate_user(partner: Partner, user_id: UUID, at: datetime) -> Decision | None:
    """Let a person no longer act for the partner; None where there is no such user.

    Raises Refused for the last active admin: somebody must be left whom messages can fall to.
    """
    user = partner.user(user_id)
    if user is None:
        return None
    admins = [each for each in partner.users if each.admin and each.active]
    if admins == [user]:
        reason = "not the partner's last active admin: make another user admin first"
        raise Refused("user_id", reason, user_id, status=409)
    return _with_user(partner, user.model_copy(update={"active": False}), at)


def reactivate_user(partner: Partner, user_id: UUID, at: datetime) -> Decision | None:
    """Let a person act for the partner again; None where there is no such user."""
    user = partner.user(user_id)
    if user is None:
        return None
    return _with_user(partner, user.model_copy(update={"active": True}), at)


def _with_user(partner: Partner, user: PartnerUser, at: datetime) -> Decision:
    users = tuple(user if each.user_id == user.user_id else each for each in partner.users)
    return compare_partner(partner, partner.model_copy(update={"users": users}), at)


def _compare(recorder: Recorder[PartnerEvent], before: Partner, after: Partner) -> Decision:
    if before.name != after.name:
        recorder.note("PartnerRenamed", before.name, after.name)
    if before.time_zone != after.time_zone:
        recorder.note(
            "PartnerTimeZoneChanged",
            before.time_zone,
            after.time_zone,
            PartnerTimeZoneChanged,
            time_zone=after.time_zone,
        )
    _compare_users(recorder, before, after)
    if set(before.team) != set(after.team):
        recorder.note(
            "HubSpotTeamChanged",
            before.team,
            after.team,
            HubSpotTeamChanged,
            person_ids=tuple(dict.fromkeys(person.person_id for person in after.team)),
        )
    return after.model_copy(update={"version": recorder.version}), recorder.changes


def _compare_users(recorder: Recorder[PartnerEvent], before: Partner, after: Partner) -> None:
    known = {user.user_id: user for user in before.users}
    for user in after.users:
        was = known.get(user.user_id)
        if was is None:
            said = {"user_id": user.user_id, "admin": user.admin}
            recorder.note("PartnerUserRegistered", None, user, PartnerUserRegistered, **said)
            was = user.model_copy(update={"active": True})
        if _person(was) != _person(user):
            recorder.note("PartnerUserChanged", was, user)
        if was.active and not user.active:
            fact: Callable[..., PartnerEvent] = PartnerUserDeactivated
            recorder.note("PartnerUserDeactivated", was, user, fact, user_id=user.user_id)
        if user.active and not was.active:
            fact = PartnerUserReactivated
            recorder.note("PartnerUserReactivated", was, user, fact, user_id=user.user_id)


def _person(user: PartnerUser) -> tuple[str, str, bool]:
    return user.name, user.email, user.admin
