"""What the service counts."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from services.notifications import jobs
from services.notifications.settings import Settings
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from tests.notifications.conftest import MakeLane
from tests.notifications.ledger import only
from tests.notifications.portfolio import hear, usual


async def test_a_message_that_nobody_could_get_until_it_was_too_late_is_counted_as_missed(
    pool: Pool,
    clock: ManualClock,
    make_lane: MakeLane,
    settings: Settings,
) -> None:
    figures = jobs.Figures(CollectorRegistry())
    story = usual(contacts=(), tell_renewal_manager=False)
    await hear(
        pool, *story.everything(), story.due("d-0", due_until=story.now + timedelta(days=90))
    )
    lane = make_lane()
    while await lane.step():
        pass
    assert (await only(pool))["state"] == "blocked"

    def missed() -> float:
        return sum(
            sample.value
            for family in figures.unsent.collect()
            for sample in family.samples
            if sample.name.endswith("_total") and sample.labels["reason"] == "deadline_passed"
        )

    assert missed() == 0
    clock.advance(timedelta(days=30))
    await jobs.look_after(settings, figures, pool, clock)

    assert (await only(pool))["reason"] == "deadline_passed"
    assert missed() == 1
