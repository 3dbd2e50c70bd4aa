"""What is forgotten for good: a person wherever it stands, a client, a partner."""

from collections.abc import Sequence
from uuid import UUID

from shared.chassis.database import Connection


async def find_places(tx: Connection, person_id: UUID) -> tuple[list[UUID], list[UUID]]:
    """The clients and the partners that know a person, in the order of their ids."""
    clients = await tx.fetch(
        """
        SELECT client_id FROM contacts WHERE contact_id = $1
         UNION
        SELECT client_id FROM clients WHERE manager_id = $1
         ORDER BY 1
        """,
        person_id,
    )
    partners = await tx.fetch(
        """
        SELECT partner_id FROM users WHERE user_id = $1
         UNION
        SELECT partner_id FROM team_members WHERE person_id = $1
         ORDER BY 1
        """,
        person_id,
    )
    return [row[0] for row in clients], [row[0] for row in partners]


async def forget_person(
    tx: Connection, person_id: UUID, clients: Sequence[UUID], partners: Sequence[UUID]
) -> None:
    """Forget a person in clients and partners that are held; each is a version later then."""
    for statement in (
        "DELETE FROM contacts WHERE contact_id = $1",
        "DELETE FROM users WHERE user_id = $1",
        "DELETE FROM team_members WHERE person_id = $1",
        """
        UPDATE clients SET manager_id = NULL, manager_name = NULL, manager_email = NULL
         WHERE manager_id = $1
        """,
        """
        UPDATE history SET before = NULL, after = NULL
         WHERE position($1::text IN before::text) > 0 OR position($1::text IN after::text) > 0
        """,
        """
        DELETE FROM idempotency_keys
         WHERE position(convert_to($1::text, 'UTF8') IN body) > 0
        """,
    ):
        await tx.execute(statement, person_id if "$1::text" not in statement else str(person_id))
    await tx.execute(
        "UPDATE clients SET version = version + 1 WHERE client_id = ANY($1)", list(clients)
    )
    await tx.execute(
        "UPDATE partners SET version = version + 1 WHERE partner_id = ANY($1)", list(partners)
    )


async def forget_clients(tx: Connection, clients: Sequence[UUID]) -> None:
    """Forget clients that are held, with all that belongs to them and all that was."""
    for table in ("contacts", "subscriptions", "clients"):
        await tx.execute(f"DELETE FROM {table} WHERE client_id = ANY($1)", list(clients))  # noqa: S608 - constants
    await _forget_past(tx, clients)


async def forget_partner(tx: Connection, partner_id: UUID) -> None:
    """Forget a partner that is held and has no clients any more."""
    for table in ("users", "team_members", "idempotency_keys", "partners"):
        await tx.execute(f"DELETE FROM {table} WHERE partner_id = $1", partner_id)  # noqa: S608 - constants
    await _forget_past(tx, [partner_id])


async def _forget_past(tx: Connection, subjects: Sequence[UUID]) -> None:
    await tx.execute("DELETE FROM history WHERE subject_id = ANY($1)", list(subjects))
