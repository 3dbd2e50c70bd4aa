"""Sending: note what came back and claim what is next, in one transaction; post meanwhile."""

import asyncio
import random
from datetime import timedelta
from time import monotonic

import structlog

from services.webhooks import domain, senders
from services.webhooks.domain import Outcome
from services.webhooks.jobs.figures import Figures
from services.webhooks.settings import Settings
from services.webhooks.store import turns
from services.webhooks.store.turns import Tried, Turn
from shared.chassis import background, crash
from shared.chassis.clock import Clock
from shared.chassis.database import Pool

log = structlog.get_logger(__name__)

FINISH_SECONDS = 8.0
AGENT = (b"user-agent", b"partner-tools-webhooks/1")


class Courier:
    """Sends the heads of the queues that it holds. Any number of couriers share them.

    What was sent is noted after it was sent: who dies between the two has it sent once more, by
    whoever takes the queue when its lease ends.
    """

    def __init__(
        self, pool: Pool, clock: Clock, poster: senders.Poster, settings: Settings, figures: Figures
    ) -> None:
        self._pool, self._clock, self._poster = pool, clock, poster
        self._settings, self._figures = settings, figures
        self._seal = settings.seal
        self._lease = timedelta(seconds=settings.lease)
        self._policy = domain.Policy(
            timedelta(seconds=settings.retry_first),
            timedelta(seconds=settings.retry_longest),
            timedelta(days=settings.retry_days),
        )
        self._posted: dict[asyncio.Task[senders.Answer], Turn] = {}
        self._tried: list[Tried] = []

    async def run(self) -> None:
        """Send for ever. When cancelled, hears what is still to come back, and notes it."""
        try:
            await background.repeat(self.step, idle=self._settings.idle, name="courier")
        finally:
            await self.finish()

    async def step(self) -> int:
        """Do one round; gives how much there is in hand."""
        await self._turn_over(more=True)
        if self._posted:
            await asyncio.wait(
                self._posted, timeout=self._settings.idle, return_when=asyncio.FIRST_COMPLETED
            )
        return len(self._posted)

    async def finish(self) -> None:
        """Note what comes back soon; what does not is given back, to be sent once more."""
        if self._posted:
            await asyncio.wait(self._posted, timeout=FINISH_SECONDS)
        left = {task: turn for task, turn in self._posted.items() if not task.done()}
        for task in left:
            task.cancel()
            del self._posted[task]
        if left:
            await asyncio.wait(left)
        await self._turn_over(more=False)
        async with self._pool.acquire() as tx:
            await turns.release(tx, left.values())

    async def _turn_over(self, *, more: bool) -> None:
        for task in [task for task in self._posted if task.done()]:
            turn = self._posted.pop(task)
            if (error := task.exception()) is not None:  # a bug, which costs this queue alone
                log.error("attempt_failed", event_id=str(turn.event_id), exc_info=error)
            answer = senders.Answer(Outcome.BROKEN) if error else task.result()
            self._figures.attempts.labels(answer.outcome.value).inc()
            self._tried.append(self._judge(turn, answer))
        tried, room = list(self._tried), self._settings.concurrency - len(self._posted)
        if not tried and not (more and room):
            return
        if tried:
            crash.point("courier.before_note")
        now = self._clock.now()
        async with self._pool.acquire() as tx, tx.transaction():
            if tried:
                await turns.settle(tx, tried, now)
            claimed = (
                await turns.claim(
                    tx, now, self._lease, most=room, each=self._settings.endpoint_concurrency
                )
                if more
                else []
            )
        del self._tried[: len(tried)]
        for each in tried:
            self._tell(each)
        for turn in claimed:
            self._posted[asyncio.create_task(self._attempt(turn))] = turn

    def _judge(self, turn: Turn, answer: senders.Answer) -> Tried:
        verdict = domain.judge(
            answer.outcome,
            turn.standing,
            self._clock.now(),
            self._policy,
            once=turn.type == domain.PING,
            asked=answer.asked,
            share=random.random(),  # noqa: S311 - jitter, no secret
        )
        return Tried(turn, answer.outcome, answer.status, verdict)

    async def _attempt(self, turn: Turn) -> senders.Answer:
        begun = monotonic()
        answer = await self._post(turn)
        self._figures.seconds.observe(monotonic() - begun)
        return answer

    async def _post(self, turn: Turn) -> senders.Answer:
        opened = [self._seal.open(each) for each in turn.secrets]
        secrets = [str(each["secret"]) for each in opened if each]
        if len(secrets) < len(turn.secrets):
            log.error("secret_not_readable", endpoint_id=str(turn.endpoint_id))
            return senders.Answer(Outcome.UNSEALED)
        now = self._clock.now()
        message_id, timestamp = str(turn.event_id), int(now.timestamp())
        signature = domain.sign(secrets, message_id, timestamp, turn.payload)
        headers = [
            AGENT,
            *domain.over_http(turn.headers),
            (b"webhook-id", message_id.encode()),
            (b"webhook-timestamp", str(timestamp).encode()),
            (b"webhook-signature", signature.encode()),
        ]
        return await self._poster.post(senders.Posting(turn.url, headers, turn.payload), now)

    def _tell(self, tried: Tried) -> None:
        """Log what an operator may want to know; ids alone."""
        if tried.verdict.state == "dead" or tried.verdict.gone:
            log.warning(
                "endpoint_gone" if tried.verdict.gone else "delivery_given_up",
                endpoint_id=str(tried.turn.endpoint_id),
                event_id=str(tried.turn.event_id),
                outcome=tried.outcome.value,
                status=tried.status,
            )
