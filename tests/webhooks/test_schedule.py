"""When it is tried again: longer and longer, never all at once, at last no more."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.webhooks.domain import Outcome, Policy, Standing, judge, wait
from tests.webhooks.events import NOON

POLICY = Policy(timedelta(seconds=5), timedelta(hours=6), timedelta(days=5))


def test_waits_grow_from_seconds_to_hours() -> None:
    waits = [wait(tries, POLICY).total_seconds() for tries in range(12)]
    assert waits[:4] == [5, 15, 45, 135]
    assert waits == sorted(waits)
    assert waits[-1] == 6 * 3600


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_no_two_wait_alike_and_none_longer_than_is_said(tries: int, share: float) -> None:
    longest = wait(tries, POLICY)
    assert longest * 0.7 - timedelta(seconds=1) <= wait(tries, POLICY, share) <= longest
    assert longest <= POLICY.longest


def test_a_receiver_is_left_alone_for_as_long_as_it_asks_but_for_a_day_at_most() -> None:
    assert wait(0, POLICY, asked=timedelta(hours=3)) == timedelta(hours=3)
    assert wait(0, POLICY, asked=timedelta(seconds=1)) == timedelta(seconds=5)
    assert wait(0, POLICY, asked=timedelta(days=40)) == timedelta(days=1)


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60))
def test_the_last_try_is_at_the_end_of_the_days_and_not_before(shares: list[float]) -> None:
    standing, now = Standing(), NOON
    for share in shares:
        verdict = judge(Outcome.ANSWERED, standing, now, POLICY, share=share)
        if verdict.state == "dead":
            break
        assert verdict.available_at > now
        standing, now = verdict.standing, verdict.available_at
    assert verdict.state == "dead"
    assert now == NOON + POLICY.give_up
    assert 15 < verdict.standing.tries < 45


def test_a_success_forgets_what_failed_before() -> None:
    failing = Standing(7, NOON - timedelta(days=4))
    verdict = judge(Outcome.DELIVERED, failing, NOON, POLICY)
    assert (verdict.state, verdict.standing) == ("delivered", Standing())


def test_a_test_message_is_tried_once() -> None:
    for outcome in (Outcome.TIMED_OUT, Outcome.GONE):
        assert judge(outcome, Standing(), NOON, POLICY, once=True).state == "dead"
