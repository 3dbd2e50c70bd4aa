"""Sending: claim, look again, hand over, send, note; one transaction for a whole batch."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from services.notifications import domain, senders
from services.notifications.jobs import letters
from services.notifications.jobs.figures import Figures
from services.notifications.settings import Settings
from services.notifications.store import outcomes, traces, turns
from services.notifications.store.outcomes import Addressed, Further, Outcome, Unsent
from services.notifications.store.turns import Claim, Turn
from shared.chassis import background, crash, outbox, tracing
from shared.chassis.clock import Clock
from shared.chassis.database import Connection, Pool
from shared.contracts.event import Event

log = structlog.get_logger(__name__)

State = domain.State
SOON = timedelta(seconds=1)
AGAIN = timedelta(minutes=15)  # for what could not be decided or written
FINISH_SECONDS = 8.0


@dataclass(slots=True)
class _Batch:
    """What was decided about the claimed messages."""

    addressed: list[Addressed] = field(default_factory=list)
    mails: list[senders.Mail] = field(default_factory=list)
    unsent: list[Unsent] = field(default_factory=list)
    further: list[Further] = field(default_factory=list)
    revived: list[UUID] = field(default_factory=list)
    traces: dict[UUID, str] = field(default_factory=dict)  # of notices, while spans are made

    @property
    def news(self) -> list[Unsent]:
        """What is not sent and was not said before."""
        return [each for each in self.unsent if outcomes.is_news(each)]


class Freshness(Protocol):
    """Whether what was heard is new enough to act on."""

    @property
    def stale(self) -> str | None:
        """Why nothing should be sent now, or None."""


class Lane:
    """Sends one batch after the other. At most ``limit`` messages are in doubt if it dies.

    One transaction notes what came of the last batch, hands over the next and claims the one
    after: so its commit is paid once per batch, and nothing is sent that was not noted before.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        relay: senders.Relay,
        settings: Settings,
        figures: Figures,
        *,
        freshness: Freshness | None = None,
    ) -> None:
        self._pool, self._clock, self._relay = pool, clock, relay
        self._settings, self._figures, self._freshness = settings, figures, freshness
        self._head = letters.head(settings)
        self._grace = timedelta(seconds=settings.ended_notice_delay)
        self._held_up: str | None = None
        self._limit = max(1, settings.in_doubt // settings.lanes)
        self._claims: list[Claim] = []
        self._noted: dict[Claim, tuple[Outcome, Addressed | None]] = {}
        self._sent: list[Addressed] = []
        self._sending: asyncio.Task[list[senders.Answer]] | None = None

    async def run(self) -> None:
        """Send for ever. When cancelled, ends the batch at hand and notes what came of it."""
        try:
            await background.repeat(self.step, idle=self._settings.idle, name="send")
        finally:
            await self.finish()

    async def step(self) -> int:
        """Do one round; gives how much there was to do."""
        if self._sending is not None:
            await self._collect()
        ready = not self._stale() and await self._ready()
        if not ready:
            await self._give_back()
            if not self._noted:
                return 0
        claims = self._claims
        batch = await self._turn_over(claims, more=ready)
        if batch.mails:
            self._sent = batch.addressed
            self._sending = asyncio.create_task(self._relay.send(batch.mails))
            await self._collect()
        return len(claims) + len(self._claims) + len(self._noted)

    def _stale(self) -> bool:
        """Whether too little was heard of late to know who may still be told."""
        reason = self._freshness.stale if self._freshness else None
        self._figures.stale.set(1 if reason else 0)
        if reason is not None and self._held_up is None:
            log.warning("sender_waits", reason=reason)
        self._held_up = reason
        return reason is not None

    async def _ready(self) -> bool:
        """Whether to go on: a relay that is away is asked only where there is something to send."""
        ready = await self._relay.ready() if self._claims else not self._relay.paused
        self._figures.relay_away.set(0 if ready else 1)
        return ready

    async def finish(self) -> None:
        """Hear the answers still to come, note them, and give back what was only claimed."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=FINISH_SECONDS)
            if self._sending.done():
                await self._collect()
        await self._turn_over([], more=False)
        await self._give_back()

    async def _turn_over(self, claims: Sequence[Claim], *, more: bool) -> _Batch:
        """Note the last batch, hand over the claimed one, claim the next: one transaction."""
        noted, now = dict(self._noted), self._clock.now()
        lease = timedelta(seconds=self._settings.claim_lease)
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                told = await self._note(tx, noted)
                batch = await self._hand_over(tx, claims, now) if claims else _Batch()
                following = await turns.claim(tx, self._limit, now, lease) if more else []
                # At the end: it wakes the relay, which finds nothing before the commit.
                await outbox.record(tx, *told, *(_not_sent(each, now) for each in batch.news))
        except BaseException:
            # The commit may have happened all the same. What was claimed was surely not sent.
            for claim in claims:
                self._noted.setdefault(claim, (self._never_sent(claim, now), None))
            raise
        if batch.mails:
            crash.point("sender.handed_over")
        for claim in noted:
            del self._noted[claim]
        if more:
            self._claims = following
        for each in batch.news:
            self._figures.unsent.labels(each.reason or "").inc()
        return batch

    @staticmethod
    def _never_sent(claim: Claim, now: datetime) -> Outcome:
        return Outcome(claim, 0, State.PLANNED, "not_sent", now, available_at=now + SOON)

    async def _give_back(self) -> None:
        if self._claims:
            async with self._pool.acquire() as tx:
                await turns.release(tx, self._claims)
            self._claims = []

    async def _note(
        self, tx: Connection, noted: dict[Claim, tuple[Outcome, Addressed | None]]
    ) -> list[Event]:
        """Keep what came of the last batch; gives what others are to hear of it."""
        if not noted:
            return []
        versions = await outcomes.settle(tx, [outcome for outcome, _ in noted.values()])
        events = [
            _told(outcome, to, versions[claim.message_id])
            for claim, (outcome, to) in noted.items()
            if to is not None and claim.message_id in versions
        ]
        return [event for event in events if event is not None]

    async def _hand_over(self, tx: Connection, claims: Sequence[Claim], now: datetime) -> _Batch:
        batch = _Batch()
        mine = await turns.lock_turns(tx, claims)
        if tracing.on():
            notices = [turn.case.notice.notice_id for turn in mine]
            batch.traces = await traces.list_traces(tx, notices)
        for turn in mine:
            try:
                self._decide(turn, now, batch)
            except Exception as error:
                log.exception("message_not_decided", message_id=str(turn.claim.message_id))
                self._figures.unsent.labels("failed").inc()
                reason = f"failed: {type(error).__name__}"
                batch.unsent.append(Unsent(turn, State.PLANNED, reason, available_at=now + AGAIN))
        if batch.addressed:
            lease = timedelta(seconds=self._settings.send_lease)
            await outcomes.hand_over(tx, batch.addressed, now, lease)
            mended = [e.turn for e in batch.addressed if e.turn.reason in domain.MENDING]
            await outcomes.save_steps(
                tx,
                [(turn.claim.message_id, turn.partner_id) for turn in mended],
                now,
                "mended",
                [turn.reason or "" for turn in mended],
            )
        if batch.unsent:
            await outcomes.set_aside(tx, batch.unsent, now)
        await outcomes.save_further(tx, batch.further, now)
        if batch.revived:
            await outcomes.revive(tx, batch.revived)
        return batch

    def _decide(self, turn: Turn, now: datetime, batch: _Batch) -> None:
        today = now.astimezone(ZoneInfo(turn.case.zone)).date()
        decision = domain.decide(turn.case, now, today, self._grace)
        if isinstance(decision, domain.Send):
            to = Addressed(turn, decision.recipient, decision.owner)
            trace = batch.traces.get(turn.case.notice.notice_id)
            batch.mails.append(self._mail(to, now, today, trace))
            batch.addressed.append(to)
            self._more(turn, decision.others, batch)
            batch.revived += decision.revived
        elif isinstance(decision, domain.Block):
            told = decision.told
            batch.unsent.append(
                Unsent(turn, State.BLOCKED, told.blocked, told.audience, told.rule, decision.owner)
            )
            self._more(turn, decision.others, batch)
        elif isinstance(decision, domain.Drop):
            state = State.SUPERSEDED if decision.superseded else State.DROPPED
            batch.unsent.append(Unsent(turn, state, decision.reason))
            batch.revived += decision.revived
            if decision.again:
                batch.further.append(Further(turn, None))
        else:
            until = decision.until or now + SOON
            batch.unsent.append(Unsent(turn, State.PLANNED, None, available_at=until))

    @staticmethod
    def _more(turn: Turn, others: Iterable[domain.Recipient], batch: _Batch) -> None:
        batch.further += [Further(turn, each) for each in others]

    def _mail(self, to: Addressed, now: datetime, today: date, trace: str | None) -> senders.Mail:
        view = letters.write(to, self._head, now, today)
        settings, copied = self._settings, to.recipient.copied
        return senders.Mail(
            sender=settings.mail_from,
            to=to.recipient.person.email,
            copied=copied.email if copied else None,
            body=view.body,
            send_by=monotonic() + max(1.0, settings.send_lease / 2),
            trace=trace,
            message_id=to.turn.claim.message_id,
        )

    async def _collect(self) -> None:
        """Hear what came of the mails; a step that is cut short hears it in the next."""
        assert self._sending is not None  # noqa: S101 - callers looked
        begun = monotonic()
        answers = await asyncio.shield(self._sending)
        self._figures.batch_seconds.observe(monotonic() - begun)
        now = self._clock.now()
        for to, answer in zip(self._sent, answers, strict=True):
            self._figures.attempts.labels(answer.result).inc()
            self._noted[to.turn.claim] = (self._outcome(to.turn, answer, now), to)
        self._sending, self._sent = None, []
        crash.point("sender.before_note")

    def _outcome(self, turn: Turn, answer: senders.Answer, now: datetime) -> Outcome:
        notice, settings = turn.case.notice, self._settings
        verdict = domain.judge(
            answer.result,
            about_us=answer.about_us,
            attempts=turn.attempts + 1,
            deferrals=turn.deferrals,
            most=settings.most_deferrals,
            again=domain.may_send_again(settings.again, notice.kind, notice.stage, turn.stages),
        )
        return Outcome(
            turn.claim,
            turn.attempts + 1,
            verdict.state,
            answer.result,
            now,
            reason=verdict.reason,
            code=answer.code,
            answer=answer.text,
            available_at=None if verdict.wait is None else now + verdict.wait,
            put_off=verdict.put_off,
        )


def _told(outcome: Outcome, to: Addressed, version: int) -> Event | None:
    """What the answer, or its absence, means to others; None while the end is to come."""
    about, at, number = to.turn.about(to.recipient), outcome.at, outcome.number
    if outcome.result == "accepted":
        return domain.sent(about, version, at, number)
    if outcome.result == "unknown":
        return domain.in_doubt(about, version, at, number)
    if outcome.state is State.REJECTED:
        return domain.failed(about, version, at, outcome.reason or "", number)
    return None


def _not_sent(unsent: Unsent, at: datetime) -> Event:
    version, reason = unsent.turn.version + 1, unsent.reason or ""
    about = replace(unsent.turn.about(), rule=unsent.rule or "")
    if unsent.state is State.BLOCKED:
        about = replace(about, audience=unsent.audience)
        return domain.blocked(about, version, at, reason)
    superseded = unsent.state is State.SUPERSEDED
    return domain.dropped(domain.Ended(about, version, reason, superseded), at)
