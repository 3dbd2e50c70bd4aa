"""What the panels of a client and of a renewal show of messages."""

from datetime import datetime
from uuid import UUID

from services.dashboard.domain.messages import People
from services.dashboard.domain.timeline import SEND_HOUR, Setting, draw, in_force
from services.dashboard.store import messages as store
from services.dashboard.store.partners import PartnerRow
from services.dashboard.views import messages as views
from shared.chassis.database import Connection
from shared.contracts.clients import ClientSnapshot

MOST = 50  # as many as a panel shows of a client; the latest matter


async def messages_of(tx: Connection, partner: PartnerRow, client_id: UUID) -> list[views.Line]:
    """A client's latest messages, for ``messages/list.html.j2``."""
    client = await store.find_client(tx, client_id)
    people = people_of(partner, client)
    found = await store.list_messages(tx, client_id, limit=MOST)
    return [views.line(each, people, partner.time_zone) for each in found]


async def timeline_of(
    tx: Connection, partner: PartnerRow, renewal_id: UUID, now: datetime
) -> views.Timeline | None:
    """A contract change's stages, for ``messages/timeline.html.j2``; None where there is none."""
    subject = await store.find_subject(tx, renewal_id)
    if subject is None:
        return None
    change, policy = subject.change, partner.policy
    setting = Setting(
        zone=partner.time_zone,
        send_hour=policy.send_hour if policy else SEND_HOUR,
        stages=in_force(change.kind, policy.stages if policy else None, subject.stages),
    )
    told = await store.list_told(tx, renewal_id, change.starts)
    said = await store.list_of_renewal(tx, subject.client_id, renewal_id, change.starts)
    return views.timeline(
        draw(change, setting, told, said, now),
        change,
        setting,
        people_of(partner, subject.client),
        own_stages=subject.stages is not None and change.kind == "renewal",
    )


def people_of(partner: PartnerRow, client: ClientSnapshot | None) -> People:
    """Everybody whom a message about a client may name."""
    manager = client.renewal_manager if client else None
    return People(
        contacts=client.contacts if client else (),
        users=partner.users,
        team=(*partner.team, manager) if manager else partner.team,
    )
