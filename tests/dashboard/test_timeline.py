"""The line of stages says what the renewals service did, and will do."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dashboard.domain.messages import Message
from services.dashboard.domain.timeline import (
    FACTORY,
    OTHER_KINDS,
    Change,
    Point,
    Setting,
    Told,
    draw,
    in_force,
    send_instant,
)
from services.renewals.domain import dates, stages
from services.renewals.domain.kinds import Kind, Status

VECTORS = Path(__file__).parent.parent / "renewals" / "vectors" / "send_instants.csv"
ZONES = (
    "UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati",
    "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe", "America/Sao_Paulo", "America/Havana",
)  # fmt: skip
START = date(2026, 3, 5)
SECOND = timedelta(seconds=1)


def change(status: str = "pending", starts: date = START, kind: Kind = Kind.RENEWAL) -> Change:
    return Change(kind, status, starts, dates.deadline(starts, kind))


def setting(zone: str = "America/New_York", hour: str = "09:00", *names: str) -> Setting:
    chosen = stages.described(names) if names else FACTORY
    return Setting(zone, hour, tuple(chosen))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(stage: str, state: str = "sent", reason: str = "") -> Message:
    return Message(
        message_id=uuid4(), client_id=uuid4(), renewal_id=uuid4(), starts=START, kind="renewal",
        stage=stage, audience="client", recipient_id=uuid4(), copied_user_id=None, rule="",
        state=state, reason=reason, attempts=1, at=at("2026-01-04T14:00"),
    )  # fmt: skip


def drawn(
    now: str,
    told: Mapping[str, Told] | None = None,
    messages: Sequence[Message] = (),
    *,
    status: str = "pending",
    names: tuple[str, ...] = (),
) -> dict[str, Point]:
    told = told or {}
    points = draw(
        change(status), setting("America/New_York", "09:00", *names), told, messages, at(now)
    )
    return {point.stage: point for point in points}


def test_each_stage_has_its_day_and_hour_in_the_partners_zone() -> None:
    points = drawn("2025-10-01T00:00")

    assert {name: (str(p.day), p.at) for name, p in points.items()} == {
        "entered": ("2025-11-05", at("2025-11-05T14:00")),
        "d-45": ("2025-12-05", at("2025-12-05T14:00")),
        "d-15": ("2026-01-04", at("2026-01-04T14:00")),
        "d-7": ("2026-01-12", at("2026-01-12T14:00")),
        "d-1": ("2026-01-18", at("2026-01-18T14:00")),
        "d-0": ("2026-01-19", at("2026-01-19T14:00")),
        "outcome": ("2026-01-20", at("2026-01-20T14:00")),
    }
    assert {p.state for p in points.values()} == {"coming"}


def test_what_was_told_what_it_overtook_and_what_comes_stand_in_one_line() -> None:
    told = {
        "entered": Told(at("2026-01-06T10:00"), superseded_by="d-15"),
        "d-45": Told(at("2026-01-06T10:00"), superseded_by="d-15"),
        "d-15": Told(at("2026-01-06T10:00")),
    }

    points = drawn("2026-01-06T12:00", told, [said("d-15")])

    assert [p.state for p in points.values()] == [
        "superseded", "superseded", "sent", "coming", "coming", "coming", "coming",
    ]  # fmt: skip
    assert points["entered"].by == "d-15"


def test_a_stage_whose_message_is_not_known_yet_is_due_and_says_so_when_it_takes_long() -> None:
    told = {"d-15": Told(at("2026-01-04T14:00"))}

    soon = drawn("2026-01-04T14:01", told)["d-15"]
    late = drawn("2026-01-05T14:01", told)["d-15"]

    assert (soon.state, soon.why) == ("due", "telling")
    assert (late.state, late.why) == ("due", "held_up")


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (("sent", "blocked"), "blocked"),
        (("sent", "failed"), "failed"),
        (("in_doubt", "sent"), "in_doubt"),
        (("sent", "dropped"), "sent"),
        (("dropped", "superseded"), "dropped"),
    ],
)
def test_of_several_messages_what_somebody_has_to_look_at_decides(
    states: tuple[str, ...], shown: str
) -> None:
    points = drawn("2026-01-05T00:00", messages=[said("d-15", state) for state in states])

    assert points["d-15"].state == shown
    assert len(points["d-15"].messages) == 2


def test_once_it_is_decided_only_the_outcome_comes() -> None:
    points = drawn("2026-01-06T12:00", {"d-15": Told(at("2026-01-04T14:00"))}, status="renewed")

    assert [p.stage for p in points.values() if p.state == "coming"] == ["outcome"]
    assert points["d-7"].why == "decided"


def test_after_services_ended_the_clients_own_stages_go_on() -> None:
    points = drawn("2026-01-15T12:00", status="ended")

    assert [p.stage for p in points.values() if p.state == "coming"] == ["d-1", "d-0", "outcome"]


def test_a_stage_that_was_told_and_is_configured_no_more_still_stands_there() -> None:
    told = {"d-30": Told(at("2025-12-20T14:00"))}

    points = drawn("2026-01-06T12:00", told, [said("d-30")], names=("entered", "d-7"))

    assert list(points) == ["entered", "d-30", "d-7"]
    assert (points["d-30"].state, points["d-30"].day) == ("sent", date(2025, 12, 20))
    assert points["d-30"].at is None


def test_a_client_without_stages_of_its_own_has_the_partners() -> None:
    partner, client = stages.described(("d-7",)), stages.described(("d-1", "outcome"))

    assert in_force("renewal", partner, None) == partner
    assert in_force("renewal", partner, client) == client
    assert in_force("renewal", None, None) == FACTORY
    assert in_force("email_overage", partner, client) == OTHER_KINDS


def test_the_defaults_are_those_of_the_renewals_service() -> None:
    assert stages.described(stages.FACTORY) == FACTORY
    assert stages.described(stages.OTHER_KINDS) == OTHER_KINDS
    assert Setting("UTC").send_hour == stages.DEFAULT_SEND_HOUR


def test_a_moment_that_the_clocks_leap_over_or_repeat_is_that_of_the_vectors() -> None:
    with VECTORS.open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        day = date.fromisoformat(row["stage_date"])
        due = datetime.fromisoformat(row["due_at_utc"])
        assert send_instant(day, row["send_hour"], row["partner_zone"]) == due


def test_a_day_that_a_zone_leaves_out_leaves_out_its_stage() -> None:
    about = change(starts=date(2012, 2, 14))  # the deadline is 31 December 2011
    skipping = Setting("Pacific/Apia", "00:00", stages.described(("d-1", "d-0")))

    points = draw(about, skipping, {}, (), at("2011-12-01T00:00"))

    assert [(p.stage, p.state, p.why) for p in points] == [
        ("d-1", "not_told", "no_moment"),
        ("d-0", "coming", ""),
    ]


def test_a_stage_before_one_that_was_told_never_comes_though_another_zone_puts_it_ahead() -> None:
    told = {"d-0": Told(at("2026-01-18T19:00"))}  # nine o'clock in Kiritimati
    moved = Setting("Pacific/Pago_Pago", "09:00", stages.described(("d-1", "d-0", "outcome")))

    points = draw(change(), moved, told, [said("d-0")], at("2026-01-18T19:30"))

    assert [(p.stage, p.state) for p in points] == [
        ("d-1", "not_told"),
        ("d-0", "sent"),
        ("outcome", "coming"),
    ]


names = st.lists(
    st.sampled_from(["entered", "outcome", *(f"d-{days}" for days in range(75))]),
    min_size=1,
    max_size=9,
    unique=True,
).filter(lambda chosen: chosen != ["outcome"])


@st.composite
def scenes(draw_: st.DrawFn) -> tuple[Change, Setting, datetime, datetime]:
    """A change, a setting, when it was first looked at, and now."""
    kind = draw_(st.sampled_from(Kind))
    starts = draw_(st.dates(date(2010, 1, 1), date(2027, 12, 31)))
    status = draw_(st.sampled_from([each for each in Status if each is not Status.WITHDRAWN]))
    hour = f"{draw_(st.integers(0, 23)):02}:{draw_(st.sampled_from([0, 30, 59])):02}"
    chosen = stages.checked(draw_(names))
    own = in_force(kind, stages.described(chosen), None)
    begun = datetime.combine(starts, datetime.min.time(), UTC)
    seen = begun - timedelta(minutes=draw_(st.integers(-2 * 1440, 125 * 1440)))
    now = seen + timedelta(minutes=draw_(st.integers(0, 40 * 1440)))
    zone = draw_(st.sampled_from(ZONES))
    return change(status, starts, kind), Setting(zone, hour, own), seen, now


Records = dict[str, tuple[str, datetime, str | None]]


def swept(
    plan: stages.Plan, status: Status, records: Records, moments: Sequence[datetime]
) -> Records:
    """What the renewals service says at its looks, as its events tell it."""
    left = stages.to_come(plan, status)
    found = dict(records)
    stage, due = stages.arm(left, found)
    for now in moments:
        if stage is None or due is None or due > now:
            continue
        result = stages.sweep(left, stage, now)
        fired = result.fired
        for each in result.superseded:
            found[each.stage] = ("superseded", now, fired.stage if fired else None)
        if fired:
            found[fired.stage] = ("fired", now, None)
        stage, due = result.next_stage, result.next_at
    return found


@settings(max_examples=400, deadline=None)
@given(scenes(), st.booleans())
def test_the_stages_shown_as_coming_are_exactly_those_that_will_be_told(
    scene: tuple[Change, Setting, datetime, datetime], held_up: bool
) -> None:
    about, set_, seen, now = scene
    kind, status = Kind(about.kind), Status(about.status)
    whole = stages.plan(
        kind, about.starts, set_.zone, set_.send_hour, tuple(s.name for s in set_.stages)
    )
    instants = sorted({due.due_at for due in whole})
    before = [seen, *(i for i in instants if seen < i <= now), *([] if held_up else [now])]
    until_now = swept(whole, status, {}, before[:1] if held_up else before)
    after = swept(whole, status, until_now, [now, *(i for i in instants if i > now)])

    told = {  # as events say it: what nobody is told any more is not said
        name: Told(moment, by)
        for name, (what, moment, by) in until_now.items()
        if what == "fired" or by is not None
    }
    points = draw(about, set_, told, (), now)

    will = {name for name, (what, _, _) in after.items() if what == "fired"} - set(until_now)
    shown = {
        p.stage for p in points if p.state == "coming" or (p.state == "due" and p.stage not in told)
    }
    assert shown == will
    later = {due.stage for due in whole if due.due_at > now}
    assert {p.stage for p in points if p.state == "coming"} == will & later


@settings(max_examples=200, deadline=None)
@given(scenes())
def test_every_window_is_that_of_the_renewals_service(
    scene: tuple[Change, Setting, datetime, datetime],
) -> None:
    about, set_, _, now = scene
    whole = stages.plan(
        Kind(about.kind), about.starts, set_.zone, set_.send_hour,
        tuple(s.name for s in set_.stages),
    )  # fmt: skip

    points = draw(about, set_, {}, (), now)

    assert [(p.stage, p.at, p.until) for p in points] == [
        (due.stage, due.due_at, due.due_until) for due in whole
    ]
