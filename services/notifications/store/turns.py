"""The ledger as the sender uses it: claims, hand-overs and outcomes, each by its token."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

from pydantic_core import from_json

from services.notifications import domain
from shared.chassis.database import Connection

Row: TypeAlias = Any  # a record of the database: its columns by name
OTHER_NOTICE = timedelta(days=14)  # deadline before the start, for what is no renewal
NOTICE = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process may hand over while the lease lasts."""

    message_id: UUID
    token: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a mail says about the contract change, as the replica knows it now."""

    status: str
    currency: str
    current_mrr: Decimal
    renewal_mrr: Decimal
    products: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed message with all that a decision and a mail need."""

    claim: Claim
    case: domain.Case
    terms: Terms | None
    said: Mapping[str, Any]
    deadline: date | None
    partner_id: UUID
    client_id: UUID
    attempts: int
    deferrals: int
    version: int
    stages: tuple[domain.Stage, ...]
    reason: str | None

    def about(self, recipient: domain.Recipient | None = None) -> domain.About:
        """The message, with the recipient that was found for it."""
        notice, copied = self.case.notice, recipient.copied if recipient else None
        return domain.About(
            self.claim.message_id,
            self.client_id,
            self.partner_id,
            notice.subject_id,
            notice.occasion,
            notice.kind,
            notice.stage,
            recipient.audience if recipient else self.case.audience,
            recipient.person.person_id if recipient else self.case.recipient_id,
            copied.person_id if copied else None,
            recipient.rule if recipient else "",
        )


async def claim(tx: Connection, limit: int, now: datetime, lease: timedelta) -> list[Claim]:
    """Take messages whose turn has come, the longest due first; others' claims are passed over."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT message_id FROM messages
             WHERE ready AND state IN ('planned', 'deferred', 'blocked') AND available_at <= $1
             ORDER BY available_at
             LIMIT $2
               FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE messages m
           SET state = 'claimed', token = nextval('message_tokens'),
               lease_until = clock_timestamp() + $3::interval
          FROM due WHERE m.message_id = due.message_id
        RETURNING m.message_id, m.token
        """,
        now,
        limit,
        lease,
    )
    return [Claim(row["message_id"], row["token"]) for row in rows]


async def release(tx: Connection, claims: Sequence[Claim]) -> None:
    """Give claims back unused."""
    await tx.execute(
        """
        UPDATE messages m SET state = 'planned', lease_until = NULL
          FROM unnest($1::uuid[], $2::bigint[]) AS mine (message_id, token)
         WHERE m.message_id = mine.message_id AND m.token = mine.token AND m.state = 'claimed'
        """,
        [each.message_id for each in claims],
        [each.token for each in claims],
    )


async def lock_turns(tx: Connection, claims: Sequence[Claim]) -> list[Turn]:
    """Hold the claimed messages and their clients until commit, and read all that decides.

    A claim whose token is no longer the newest is left out: somebody else has the message.
    """
    ids = [each.message_id for each in claims]
    # The lock comes before the look: an end of services is either seen here, or comes after.
    await tx.execute(
        """
        SELECT FROM clients
         WHERE client_id IN (SELECT client_id FROM messages WHERE message_id = ANY($1::uuid[]))
         ORDER BY client_id
           FOR SHARE
        """,
        ids,
    )
    rows = await tx.fetch(
        """
        SELECT m.message_id, m.token, m.recipient_id, m.audience, m.partner_id, m.client_id,
               m.attempts, m.deferrals, m.version, m.reason,
               n.notice_id, n.kind, n.stage, n.subject_id, n.occasion, n.due_at, n.due_until,
               n.starts, n.period, n.deadline, n.terms,
               c.name, c.domain, c.account_id, c.record_id, c.contacts, c.renewal_manager,
               c.serviced, c.period AS services_period, c.version AS client_version,
               o.owner, o.stages,
               r.kind AS change_kind, r.status, r.starts AS change_starts,
               r.deadline AS change_deadline, r.currency, r.current_mrr, r.renewal_mrr, r.products,
               EXISTS (SELECT FROM messages e
                        WHERE e.subject_id = m.subject_id AND e.occasion = m.occasion
                          AND e.stage <> m.stage AND e.state = 'handed_over'
                          AND e.due_at < m.due_at) AS earlier_in_flight
          FROM unnest($1::uuid[], $2::bigint[]) AS mine (message_id, token)
          JOIN messages m ON m.message_id = mine.message_id AND m.token = mine.token
          JOIN notices n ON n.notice_id = m.notice_id
          LEFT JOIN clients c ON c.client_id = m.client_id
          LEFT JOIN client_policies o ON o.client_id = m.client_id
          LEFT JOIN renewals r ON r.renewal_id = m.subject_id
         WHERE m.state = 'claimed'
         ORDER BY m.client_id, m.message_id
           FOR NO KEY UPDATE OF m
        """,
        ids,
        [each.token for each in claims],
    )
    partners = await _partners(tx, {row["partner_id"] for row in rows})
    siblings = await _siblings(tx, [row["notice_id"] for row in rows])
    return [_turn(row, partners, siblings) for row in rows]


async def _partners(
    tx: Connection, ids: Iterable[UUID]
) -> dict[UUID, tuple[domain.Partner, domain.Policy]]:
    wanted = list(ids)
    rows = await tx.fetch(
        """
        SELECT p.partner_id, p.name, p.time_zone, p.team, o.default_owner,
               o.default_point_of_contact_id, o.recipient_roles, o.tell_renewal_manager, o.stages
          FROM partners p LEFT JOIN policies o ON o.partner_id = p.partner_id
         WHERE p.partner_id = ANY($1::uuid[])
        """,
        wanted,
    )
    users: dict[UUID, list[domain.User]] = {}
    for row in await tx.fetch(
        """
        SELECT user_id, partner_id, name, email, admin, active
          FROM partner_users WHERE partner_id = ANY($1::uuid[])
        """,
        wanted,
    ):
        users.setdefault(row["partner_id"], []).append(
            domain.User(row["user_id"], row["name"], row["email"], row["admin"], row["active"])
        )
    return {
        row["partner_id"]: (
            domain.Partner(
                row["partner_id"],
                row["name"],
                row["time_zone"],
                tuple(users.get(row["partner_id"], ())),
                tuple(_colleague(each) for each in from_json(row["team"])),
            ),
            _policy(row),
        )
        for row in rows
    }


async def _siblings(tx: Connection, notices: Sequence[UUID]) -> dict[UUID, list[domain.Sibling]]:
    found: dict[UUID, list[domain.Sibling]] = {}
    for row in await tx.fetch(
        """
        SELECT notice_id, message_id, recipient_id, audience, state, reason, copied_user_id
          FROM messages WHERE notice_id = ANY($1::uuid[])
        """,
        notices,
    ):
        found.setdefault(row["notice_id"], []).append(
            domain.Sibling(
                row["message_id"],
                row["recipient_id"],
                row["audience"],
                domain.State(row["state"]),
                row["reason"],
                row["copied_user_id"],
            )
        )
    return found


def _turn(
    row: Row,
    partners: Mapping[UUID, tuple[domain.Partner, domain.Policy]],
    siblings: Mapping[UUID, Sequence[domain.Sibling]],
) -> Turn:
    partner, policy = partners.get(row["partner_id"], (None, domain.FACTORY))
    case = domain.Case(
        message_id=row["message_id"],
        recipient_id=row["recipient_id"],
        audience=row["audience"],
        notice=domain.Notice(
            row["notice_id"],
            row["kind"],
            row["stage"],
            row["subject_id"],
            row["occasion"],
            row["due_at"],
            row["due_until"],
            row["starts"],
            row["period"],
        ),
        client=_client(row),
        partner=partner,
        policy=policy,
        renewal=_renewal(row),
        siblings=tuple(
            each for each in siblings[row["notice_id"]] if each.message_id != row["message_id"]
        ),
        earlier_in_flight=row["earlier_in_flight"],
    )
    stages = _stages(row["stages"])
    return Turn(
        claim=Claim(row["message_id"], row["token"]),
        case=case,
        terms=_terms(row),
        said=from_json(row["terms"]),
        deadline=row["change_deadline"] or row["deadline"],
        partner_id=row["partner_id"],
        client_id=row["client_id"],
        attempts=row["attempts"],
        deferrals=row["deferrals"],
        version=row["version"],
        stages=policy.stages if stages is None else stages,
        reason=row["reason"],
    )


def _client(row: Row) -> domain.Client | None:
    if not row["client_version"]:
        return None
    manager = row["renewal_manager"]
    return domain.Client(
        client_id=row["client_id"],
        partner_id=row["partner_id"],
        name=row["name"],
        domain=row["domain"],
        account_id=row["account_id"],
        record_id=row["record_id"],
        period=row["services_period"],
        serviced=row["serviced"],
        contacts=tuple(_contact(each) for each in from_json(row["contacts"])),
        renewal_manager=_colleague(from_json(manager)) if manager else None,
        override=_choice(row["owner"]),
        stages=_stages(row["stages"]),
    )


def _renewal(row: Row) -> domain.Renewal | None:
    if row["status"] is None:
        return None
    kind, starts = row["change_kind"], row["change_starts"]
    usual = starts - (NOTICE if kind == domain.RENEWAL else OTHER_NOTICE)
    return domain.Renewal(
        row["subject_id"], kind, row["status"], starts, row["change_deadline"] or usual
    )


def _terms(row: Row) -> Terms | None:
    if row["currency"] is None:
        return None
    return Terms(
        row["status"],
        row["currency"],
        row["current_mrr"],
        row["renewal_mrr"],
        tuple(from_json(row["products"])),
    )


def _contact(said: Mapping[str, Any]) -> domain.Contact:
    return domain.Contact(
        UUID(said["contact_id"]), said["name"], said["email"], tuple(said["roles"])
    )


def _colleague(said: Mapping[str, Any]) -> domain.Colleague:
    return domain.Colleague(UUID(said["person_id"]), said["name"], said["email"], said["role"])


@lru_cache(maxsize=4096)  # few settings stand behind many messages
def _choice(text: str | None) -> domain.Choice:
    if text is None:
        return domain.Choice()
    said = from_json(text)
    return domain.Choice(
        said["owner"], _id(said["notified_user_id"]), _id(said["point_of_contact_id"])
    )


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


@lru_cache(maxsize=4096)
def _stages(text: str | None) -> tuple[domain.Stage, ...] | None:
    if text is None:
        return None
    return tuple(
        domain.Stage(each["name"], each["days_before_deadline"]) for each in from_json(text)
    )


def _policy(row: Row) -> domain.Policy:
    if row["default_owner"] is None:
        return domain.FACTORY
    return domain.Policy(
        default_owner=_choice(row["default_owner"]),
        default_point_of_contact_id=row["default_point_of_contact_id"],
        recipient_roles=tuple(row["recipient_roles"]),
        tell_renewal_manager=row["tell_renewal_manager"],
        stages=_stages(row["stages"]) or (),
    )
