"""Who is signed in, by the database's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from services.dashboard.store.partners import State
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.chassis.identity import Role

Row: TypeAlias = Any  # a record of the database: its columns by name

SEEN_SECONDS: Final = 60.0  # how exactly it is known when a session was used last


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in. ``sealed`` holds the tokens, encrypted."""

    digest: bytes
    user_id: UUID
    partner_id: UUID
    role: Role
    name: str
    sealed: str
    partner_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds. ``token_holds``: the services still take its token.

    ``state`` is that of its partner's data at the same moment; None where nothing is known of it.
    """

    session: Session
    token_holds: bool
    refresh_due: bool
    state: State | None = None


async def save_session(
    tx: Connection,
    session: Session,
    *,
    token_seconds: float,
    refresh_seconds: float | None,
    seconds: float,
) -> None:
    """Begin a session.

    ``seconds`` is for how long it may last, ``token_seconds`` for how long its token does, and
    ``refresh_seconds`` until a fresh one should be had, None where there will be none: then the
    session ends with its token.
    """
    await tx.execute(
        """
        INSERT INTO sessions (digest, user_id, partner_id, role, name, partner_ids, sealed,
                              token_until, refresh_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7,
                now() + make_interval(secs => $8),
                now() + make_interval(secs => $9),
                now() + make_interval(secs => $10))
        """,
        session.digest,
        session.user_id,
        session.partner_id,
        session.role,
        session.name,
        list(session.partner_ids),
        session.sealed,
        token_seconds,
        refresh_seconds,
        seconds if refresh_seconds is not None else min(seconds, token_seconds),
    )


async def renew_session(
    tx: Connection, session: Session, *, token_seconds: float, refresh_seconds: float | None
) -> None:
    """Go on by fresh tokens until the same end; nothing where it has ended meanwhile."""
    await tx.execute(
        """
        UPDATE sessions
           SET role = $2, name = $3, partner_ids = $4, sealed = $5,
               token_until = now() + make_interval(secs => $6),
               refresh_at = now() + make_interval(secs => $7)
         WHERE digest = $1
        """,
        session.digest,
        session.role,
        session.name,
        list(session.partner_ids),
        session.sealed,
        token_seconds,
        refresh_seconds,
    )


async def find_session(tx: Connection, digest: bytes, idle_seconds: float) -> Found | None:
    """The session that the cookie opens: not expired, not idle, its user not deactivated.

    That the user is active is asked of the model that serves, at each request: so it ends at
    once whatever came first, the deactivation or the sign-in. How that model stands is told with
    it, so that what is ready needs no other look at the database.
    """
    row = await tx.fetchrow(
        """
        SELECT user_id, s.partner_id, role, s.name, partner_ids, sealed,
               token_until > now() AS token_holds,
               coalesce(refresh_at <= now(), false) AS refresh_due,
               seen_at < now() - make_interval(secs => $3) AS seen_long_ago,
               known.version, b.model, known.time_zone,
               (SELECT coalesce(sum(changed), 0) FROM marks m
                 WHERE m.partner_id = s.partner_id)::bigint AS mark,
               (SELECT min(heard_until) FROM progress p WHERE p.revision = b.revision) AS as_of
          FROM sessions s
          LEFT JOIN builds b ON b.state = 'serving'
          LEFT JOIN LATERAL (
               SELECT version, time_zone, users
                 FROM model_a.partners
                WHERE b.model = 'model_a' AND partner_id = s.partner_id
                UNION ALL
               SELECT version, time_zone, users
                 FROM model_b.partners
                WHERE b.model = 'model_b' AND partner_id = s.partner_id) AS known ON true
         WHERE digest = $1 AND expires_at > now()
           AND seen_at > now() - make_interval(secs => $2)
           AND NOT EXISTS (
               SELECT
                 FROM json_array_elements(known.users) AS person
                WHERE person ->> 'user_id' = s.user_id::text AND person ->> 'active' = 'false')
        """,
        digest,
        idle_seconds,
        min(SEEN_SECONDS, idle_seconds / 2),
    )
    if row is None:
        return None
    if row["seen_long_ago"]:
        await tx.execute("UPDATE sessions SET seen_at = now() WHERE digest = $1", digest)
    state = None
    if row["version"] is not None:
        named = ("version", "model", "mark", "time_zone", "as_of")
        state = State(*(row[name] for name in named))
    return Found(_session(digest, row), row["token_holds"], row["refresh_due"], state)


def _session(digest: bytes, row: Row) -> Session:
    return Session(
        digest,
        row["user_id"],
        row["partner_id"],
        row["role"],
        row["name"],
        row["sealed"],
        tuple(row["partner_ids"]),
    )


async def claim_refresh(tx: Connection, digest: bytes, seconds: float) -> bool:
    """Whether it falls to the caller to have the token refreshed; nobody else tries meanwhile."""
    return bool(
        await tx.fetchval(
            """
            UPDATE sessions
               SET refresh_at = now() + make_interval(secs => $2)
             WHERE digest = $1 AND refresh_at <= now()
            RETURNING true
            """,
            digest,
            seconds,
        )
    )


async def end_session(tx: Connection, digest: bytes) -> Session | None:
    """Sign out; returns what ended, for a last word to the issuer."""
    row = await tx.fetchrow(
        """
        DELETE FROM sessions
         WHERE digest = $1
        RETURNING user_id, partner_id, role, name, partner_ids, sealed
        """,
        digest,
    )
    return None if row is None else _session(digest, row)


async def end_sessions_of(tx: Connection, user_id: UUID) -> int:
    """Sign somebody out everywhere; returns how many sessions that were."""
    done = await tx.execute("DELETE FROM sessions WHERE user_id = $1", user_id)
    return int(done.rpartition(" ")[2])


async def list_names(tx: Connection, partner_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of some partners, as the model that serves has them."""
    rows = await tx.fetch(
        """
        SELECT partner_id, name
          FROM model_a.partners
         WHERE partner_id = ANY ($1)
           AND EXISTS (SELECT FROM builds WHERE state = 'serving' AND model = 'model_a')
         UNION ALL
        SELECT partner_id, name
          FROM model_b.partners
         WHERE partner_id = ANY ($1)
           AND EXISTS (SELECT FROM builds WHERE state = 'serving' AND model = 'model_b')
        """,
        list(partner_ids),
    )
    return {row["partner_id"]: row["name"] for row in rows}


async def forget_old(pool: Pool, _: Clock, *, idle_seconds: float, limit: int = 1000) -> int:
    """Delete sessions that nobody can use any more, at most so many; returns how many."""
    async with pool.acquire() as tx:
        done = await tx.execute(
            """
            DELETE FROM sessions
             WHERE ctid IN (
                   SELECT ctid
                     FROM sessions
                    WHERE expires_at <= now() OR seen_at <= now() - make_interval(secs => $1)
                    LIMIT $2)
            """,
            idle_seconds,
            limit,
        )
    return int(done.rpartition(" ")[2])
