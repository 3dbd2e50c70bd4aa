from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.notifications import domain
from services.notifications.domain import (
    FACTORY,
    Block,
    Case,
    Choice,
    Drop,
    Notice,
    Policy,
    Renewal,
    Send,
    Sibling,
    State,
    Wait,
)
from tests.notifications.test_recipients import BEN, BY_PARTNER, CLIENT, DORA, EVE, PARTNER, RITA

STARTS, DEADLINE = date(2026, 3, 5), date(2026, 1, 19)
DUE = datetime(2026, 1, 12, 9, tzinfo=UTC)
UNTIL = datetime(2026, 1, 18, 9, tzinfo=UTC)
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
RENEWAL = Renewal(uuid4(), "renewal", "pending", STARTS, DEADLINE)
NOTICE = Notice(
    uuid4(), "renewal", "d-7", RENEWAL.renewal_id, STARTS.isoformat(), DUE, UNTIL, STARTS
)
ENDED = Notice(
    uuid4(),
    "services_ended",
    "services_ended",
    CLIENT.client_id,
    "period-1",
    DUE,
    DUE + timedelta(days=14),
    period=1,
)


def case(**other: Any) -> Case:
    made = {
        "message_id": uuid4(),
        "recipient_id": None,
        "audience": None,
        "notice": NOTICE,
        "client": CLIENT,
        "partner": PARTNER,
        "policy": FACTORY,
        "renewal": RENEWAL,
    }
    return Case(**(made | other))


def sibling(state: State, recipient: Any, audience: str = "client", **other: Any) -> Sibling:
    return Sibling(
        uuid4(), recipient.person_id, audience, state, other.pop("reason", None), **other
    )


def decide(of: Case, now: datetime = NOW) -> domain.Decision:
    return domain.decide(of, now, now.date())


def test_a_message_in_time_goes_to_whom_the_owner_of_the_moment_names() -> None:
    decision = decide(case())

    assert isinstance(decision, Send)
    assert decision.recipient.person == DORA
    assert [r.person for r in decision.others] == [RITA]


@pytest.mark.parametrize("status", ["confirmed", "renewed", "cancellation_requested"])
def test_a_decided_renewal_is_not_reminded_of(status: str) -> None:
    assert decide(case(renewal=replace(RENEWAL, status=status))) == Drop("decided")


def test_the_outcome_is_told_whatever_was_decided() -> None:
    notice = replace(
        NOTICE, stage="outcome", due_at=DUE, due_until=datetime(2026, 3, 5, tzinfo=UTC)
    )
    decided = replace(RENEWAL, status="renewed")

    decision = decide(case(notice=notice, renewal=decided), datetime(2026, 1, 20, 9, tzinfo=UTC))

    assert isinstance(decision, Send)


def test_a_moved_renewal_is_not_told_of_its_old_day() -> None:
    assert decide(case(renewal=replace(RENEWAL, starts=date(2026, 4, 5)))) == Drop("moved")


@pytest.mark.parametrize("renewal", [None, replace(RENEWAL, status="withdrawn")])
def test_a_change_that_is_gone_is_not_told_of(renewal: Renewal | None) -> None:
    assert decide(case(renewal=renewal)) == Drop("withdrawn")


def test_a_stage_that_was_overtaken_is_superseded() -> None:
    assert decide(case(), UNTIL) == Drop("overtaken", superseded=True)


def test_the_last_day_is_still_told_and_the_day_after_is_not() -> None:
    midnight = datetime(2026, 1, 20, tzinfo=UTC)
    last = replace(NOTICE, stage="d-0", due_until=midnight)

    assert isinstance(decide(case(notice=last), midnight - timedelta(seconds=1)), Send)
    assert decide(case(notice=last), midnight) == Drop("deadline_passed")


def test_a_deadline_that_passed_in_the_partners_zone_ends_a_stage_whose_window_is_open() -> None:
    far = replace(PARTNER, time_zone="Pacific/Auckland")
    last = replace(NOTICE, stage="d-0", due_until=datetime(2026, 1, 20, 9, tzinfo=UTC))
    now = datetime(2026, 1, 19, 12, tzinfo=UTC)

    assert domain.decide(case(notice=last, partner=far), now, date(2026, 1, 20)) == Drop(
        "deadline_passed"
    )


def test_an_outcome_is_not_told_once_the_term_has_begun() -> None:
    notice = replace(NOTICE, stage="outcome", due_until=datetime(2026, 3, 5, tzinfo=UTC))

    assert decide(case(notice=notice), datetime(2026, 3, 5, tzinfo=UTC)) == Drop("renewal_started")


def test_an_earlier_stage_on_its_way_is_waited_for() -> None:
    assert decide(case(earlier_in_flight=True)) == Wait()


@pytest.mark.parametrize("missing", ["client", "partner"])
def test_nobody_is_told_about_who_was_erased(missing: str) -> None:
    assert decide(case(**{missing: None})) == Drop("erased")


def test_nobody_valid_blocks_and_the_renewal_manager_is_told_all_the_same() -> None:
    decision = decide(case(client=replace(CLIENT, contacts=(EVE,))))

    assert isinstance(decision, Block)
    assert decision.told.blocked == "no_contact_in_roles"
    assert [r.person for r in decision.others] == [RITA]


def test_a_later_turn_keeps_the_recipient_who_is_still_right() -> None:
    decision = decide(case(recipient_id=DORA.person_id, audience="client"))

    assert isinstance(decision, Send)
    assert (decision.recipient.person, decision.others) == (DORA, ())


def test_a_message_put_off_while_the_owner_changed_is_dropped_and_asked_anew() -> None:
    put_off = case(recipient_id=DORA.person_id, audience="client", policy=BY_PARTNER)

    assert decide(put_off) == Drop("no_longer_recipient", again=True)


def test_it_is_not_asked_anew_where_another_message_of_the_stage_lives() -> None:
    put_off = case(
        recipient_id=EVE.person_id,
        audience="client",
        siblings=(sibling(State.ACCEPTED, DORA),),
    )

    assert decide(put_off) == Drop("no_longer_recipient")


def test_the_managers_copy_ends_with_the_ownership_and_is_not_asked_anew() -> None:
    put_off = case(recipient_id=RITA.person_id, audience="hubspot", policy=BY_PARTNER)

    assert decide(put_off) == Drop("no_longer_recipient")


def test_a_manager_who_was_told_is_not_told_again_by_a_successor() -> None:
    decision = decide(case(siblings=(sibling(State.ACCEPTED, RITA, "hubspot"),)))

    assert isinstance(decision, Send)
    assert decision.others == ()


def test_who_was_told_already_is_not_told_again_when_it_is_asked_anew() -> None:
    told = (sibling(State.ACCEPTED, DORA), sibling(State.ACCEPTED, RITA, "hubspot"))

    assert decide(case(siblings=told)) == Drop("already_told")


def test_a_manager_without_a_message_is_told_when_it_is_asked_anew() -> None:
    decision = decide(case(siblings=(sibling(State.ACCEPTED, DORA),)))

    assert isinstance(decision, Send)
    assert decision.recipient.person == RITA
    assert decision.others == ()


def test_a_recipient_who_is_right_again_gets_the_message_that_was_dropped() -> None:
    old = sibling(State.DROPPED, DORA, reason="no_longer_recipient")

    siblings = (old, sibling(State.ACCEPTED, RITA, "hubspot"))

    assert decide(case(siblings=siblings)) == Drop("already_told", revived=(old.message_id,))


def test_the_copy_is_left_out_where_another_message_carries_it() -> None:
    client = replace(CLIENT, override=Choice("hubspot", notified_user_id=BEN.person_id))
    policy = Policy(recipient_roles=("decision_maker", "billing"))
    carrying = sibling(State.ACCEPTED, EVE, copied_user_id=BEN.person_id)
    again = case(
        client=client,
        policy=policy,
        recipient_id=DORA.person_id,
        audience="client",
        siblings=(carrying,),
    )

    decision = decide(again)
    alone = decide(replace(again, siblings=()))

    assert isinstance(decision, Send)
    assert isinstance(alone, Send)
    assert decision.recipient.copied is None
    assert alone.recipient.copied == BEN


def test_the_end_of_services_goes_to_hubspots_people() -> None:
    decision = decide(case(notice=ENDED, renewal=None, client=replace(CLIENT, serviced=False)))

    assert isinstance(decision, Send)
    assert decision.owner is None
    assert {r.audience for r in (decision.recipient, *decision.others)} == {"hubspot"}


def test_the_end_of_services_is_not_told_once_they_were_resumed() -> None:
    resumed = replace(CLIENT, serviced=True, period=2)

    assert decide(case(notice=ENDED, renewal=None, client=resumed)) == Drop("services_resumed")


def test_the_end_of_services_is_not_told_weeks_later() -> None:
    ended = case(notice=ENDED, renewal=None, client=replace(CLIENT, serviced=False))

    assert decide(ended, ENDED.due_until) == Drop("told_too_late")


def test_an_end_of_services_is_told_once_it_can_no_longer_be_taken_back() -> None:
    ended = case(notice=ENDED, renewal=None, client=replace(CLIENT, serviced=False))
    grace, over = timedelta(seconds=30), DUE + timedelta(seconds=30)
    early, late = over - timedelta(microseconds=1), over

    assert domain.decide(ended, early, DUE.date(), grace) == Wait(over)
    assert isinstance(domain.decide(ended, late, DUE.date(), grace), Send)


def test_a_person_of_hubspot_who_left_is_replaced_when_services_ended() -> None:
    put_off = case(
        notice=ENDED,
        renewal=None,
        client=replace(CLIENT, serviced=False, renewal_manager=None),
        recipient_id=RITA.person_id,
        audience="hubspot",
    )

    assert decide(put_off) == Drop("no_longer_recipient", again=True)


@pytest.mark.parametrize(
    ("stage", "until", "ends", "reason"),
    [
        ("d-7", UNTIL, UNTIL, "overtaken"),
        (
            "d-0",
            datetime(2026, 1, 20, 9, tzinfo=UTC),
            datetime(2026, 1, 20, 5, tzinfo=UTC),
            "deadline_passed",
        ),
        (
            "outcome",
            datetime(2026, 3, 5, 5, tzinfo=UTC),
            datetime(2026, 3, 5, 5, tzinfo=UTC),
            "renewal_started",
        ),
    ],
)
def test_it_is_too_late_when_the_window_or_the_day_is_over(
    stage: str, until: datetime, ends: datetime, reason: str
) -> None:
    zone = "America/New_York"

    assert domain.ends_at(stage, until, DEADLINE, STARTS, zone) == ends
    assert domain.ends_as(stage, until, DEADLINE, zone) == reason


def test_midnight_that_does_not_exist_is_the_first_instant_after_the_gap() -> None:
    # Beirut's clocks went from 00:00 to 01:00 on 30 March 2025.
    assert domain.midnight(date(2025, 3, 30), "Asia/Beirut") == datetime(
        2025, 3, 29, 22, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("kind", "stage", "days", "last"),
    [
        ("renewal", "d-0", (), True),
        ("renewal", "d-0", (45, 15, 0), True),
        ("renewal", "d-15", (45, 15, 0), False),
        ("renewal", "d-15", (45, 15), True),
        ("email_overage", "d-0", (45, 15), True),
        ("email_overage", "d-15", (45, 15), False),
    ],
)
def test_the_last_stage_is_the_one_nearest_to_the_deadline(
    kind: str, stage: str, days: tuple[int, ...], last: bool
) -> None:
    stages = (
        domain.Stage("entered"),
        *(domain.Stage(f"d-{n}", n) for n in days),
        domain.Stage("outcome", -1),
    )

    assert domain.is_last(kind, stage, stages) is last
    assert domain.may_send_again("last_stage", kind, stage, stages) is last
    assert domain.may_send_again("resend", kind, stage, stages)
    assert not domain.may_send_again("hold", kind, stage, stages)


def judge(result: str, **other: Any) -> domain.Verdict:
    made = {"about_us": False, "attempts": 1, "deferrals": 0, "most": 3, "again": False}
    return domain.judge(result, **(made | other))


def test_each_answer_has_its_consequence() -> None:
    assert judge("accepted").state is State.ACCEPTED
    assert judge("rejected").reason == "refused"
    assert judge("unknown").state is State.UNKNOWN
    assert judge("unknown", again=True).state is State.PLANNED
    assert judge("not_sent").state is State.PLANNED


def test_a_relay_that_is_away_uses_up_no_tries_and_a_message_put_off_does() -> None:
    away = judge("deferred", about_us=True, deferrals=2)
    put_off = judge("deferred", deferrals=1)

    assert (away.state, away.put_off) == (State.DEFERRED, False)
    assert (put_off.state, put_off.put_off) == (State.DEFERRED, True)
    assert judge("deferred", deferrals=2).reason == "put_off_too_often"


def test_waits_grow_and_have_an_end() -> None:
    assert [domain.put_off_for(n).total_seconds() / 60 for n in (1, 2, 3, 9)] == [1, 2, 4, 60]
    assert [domain.not_sent_for(n).total_seconds() for n in (1, 2, 3, 50)] == [1, 2, 4, 300]


def test_the_message_id_follows_from_the_business_key_alone() -> None:
    key = (uuid4(), "2026-03-05", "d-7", uuid4())

    assert domain.mail_id(*key) == domain.mail_id(*key)
    assert domain.mail_id(*key) != domain.mail_id(key[0], "2026-03-06", *key[2:])


def told(**other: Any) -> str:
    made = {
        "kind": "renewal",
        "stage": "d-7",
        "state": "accepted",
        "reason": None,
        "owner": "hubspot",
        "owner_source": "partner",
        "rule": "partner:contacts_in_roles:decision_maker",
    }
    return " ".join(domain.explain(domain.Explained(**(made | other))))


def test_the_explanation_goes_from_event_to_outcome() -> None:
    story = told()

    assert story.index("'d-7'") < story.index("default setting") < story.index("roles")
    assert story.endswith("accepted it.")


def test_the_explanation_says_what_would_mend_a_block_and_what_is_waited_for() -> None:
    assert "Give a contact of the client" in told(state="blocked", reason="no_contact_in_roles")
    assert "waits until" in told(state="planned", waiting_for=("version 2 of the client",))
    assert "ended its services" in told(kind="services_ended", owner=None, rule="services_ended")


def test_a_day_without_a_message_is_explained_by_the_next_stage() -> None:
    stages = (domain.Stage("entered"), domain.Stage("d-15", 15), domain.Stage("d-0", 0))
    change = ("pending", STARTS, DEADLINE)

    assert "'d-15' on 2026-01-04" in domain.nothing_due(date(2026, 1, 2), [change], stages)
    assert "no stage" in domain.nothing_due(date(2026, 2, 1), [change], stages)
    assert "no contract change" in domain.nothing_due(date(2026, 1, 2), [], stages)
    assert domain.due_on(stages[0], STARTS, DEADLINE) == date(2025, 11, 5)
