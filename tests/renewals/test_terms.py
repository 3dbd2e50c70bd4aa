"""What the service makes of the terms it hears of: made, kept in step, split, withdrawn."""

from datetime import date, timedelta
from decimal import Decimal

from services.renewals.domain import Kind, Quote, Status
from services.renewals.store import renewals as store
from shared.chassis.clock import ManualClock
from shared.chassis.database import Pool
from shared.contracts import clients
from shared.contracts.renewals import (
    ClientRenewalsSnapshot,
    PartnerPolicySnapshot,
    RenewalMoved,
    RenewalScheduled,
    RenewalTermsChanged,
    RenewalWithdrawn,
)
from tests.deliver import published
from tests.renewals.portfolio import (
    ANN,
    CLIENT,
    NOON,
    PARTNER,
    START,
    AClient,
    APartner,
    all_of,
    hear,
    last_snapshot,
    stages_told,
    the_renewal,
    watch,
    watch_until,
)

LATER = START + timedelta(days=30)
NEXT_YEAR = START + timedelta(days=365)


async def test_products_that_renew_on_the_same_day_stand_in_one_renewal(pool: Pool) -> None:
    client = AClient().term(1, mrr="100.00").term(2, mrr="50.50").term(3, LATER, mrr="7.00")

    await hear(pool, APartner().now(), client.now())

    first, second = await all_of(pool)
    assert (first.starts, first.deadline) == (START, date(2026, 4, 17))
    assert [product.product for product in first.products] == ["Product 1", "Product 2"]
    assert (first.current_mrr, first.renewal_mrr) == (Decimal("150.50"), Decimal("150.50"))
    assert (second.starts, second.current_mrr) == (LATER, Decimal("7.00"))
    assert len(await published(pool, RenewalScheduled)) == 2
    snapshot = await last_snapshot(pool)
    assert [r.renewal_id for r in snapshot.renewals] == [first.renewal_id, second.renewal_id]
    assert snapshot.version == 1


async def test_the_first_word_of_a_partner_publishes_the_factorys_policy(pool: Pool) -> None:
    await hear(pool, APartner().now())

    [policy] = await published(pool, PartnerPolicySnapshot)
    assert (policy.version, policy.default_owner.owner) == (1, "hubspot")
    assert [stage.name for stage in policy.stages] == [
        *("entered", "d-45", "d-15", "d-7", "d-1", "d-0", "outcome")
    ]
    assert [stage.days_before_deadline for stage in policy.stages] == [None, 45, 15, 7, 1, 0, -1]


async def test_amounts_of_two_currencies_are_never_added(pool: Pool) -> None:
    client = AClient().term(1, currency="EUR", mrr="10.00").term(2, currency="USD", mrr="20.00")

    await hear(pool, APartner().now(), client.now())

    euros, dollars = await all_of(pool)
    assert (euros.currency, euros.current_mrr) == ("EUR", Decimal("10.00"))
    assert (dollars.currency, dollars.current_mrr) == ("USD", Decimal("20.00"))
    assert euros.renewal_id != dollars.renewal_id


async def test_saying_the_same_again_changes_nothing(pool: Pool) -> None:
    client = AClient().term(1).term(2)
    await hear(pool, APartner().now(), client.now())
    said = len(await published(pool, ClientRenewalsSnapshot))

    await hear(pool, client.now(), client.now())

    assert len(await published(pool, ClientRenewalsSnapshot)) == said
    assert (await the_renewal(pool)).version == 1


async def test_an_older_word_never_undoes_a_newer_one(pool: Pool) -> None:
    client = AClient().term(1)
    old = client.now()
    new = client.term(1, LATER).now()

    await hear(pool, APartner().now(), new)
    await hear(pool, old)

    assert (await the_renewal(pool)).starts == LATER


async def test_a_moved_term_takes_its_renewal_along(pool: Pool) -> None:
    client = AClient().term(1).term(2)
    await hear(pool, APartner().now(), client.now())
    before = await the_renewal(pool)

    await hear(pool, client.term(1, LATER).term(2, LATER).now())

    after = await the_renewal(pool)
    assert (after.renewal_id, after.starts) == (before.renewal_id, LATER)
    [moved] = await published(pool, RenewalMoved)
    assert (moved.previous_start, moved.renewal_start, moved.version) == (START, LATER, 2)
    assert moved.deadline == LATER - timedelta(days=45)
    assert after.next_stage == "entered"


async def test_what_settled_by_itself_stays_settled_if_its_start_moves_too_little(
    pool: Pool, clock: ManualClock
) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    clock.set(NOON.replace(month=4, day=30))
    await watch(pool, clock)

    await hear(pool, client.term(1, START + timedelta(days=5)).now(at=clock.now()))

    moved = await the_renewal(pool)
    assert (moved.starts, moved.status) == (START + timedelta(days=5), Status.RENEWED)
    assert moved.deadline < clock.now().date()


async def test_what_a_person_decided_stays_decided_wherever_its_start_moves(pool: Pool) -> None:
    client = AClient().term()
    await hear(pool, APartner().now(), client.now())
    await pool.execute(
        "UPDATE renewals SET status = 'renewed', decided_by = $1, decided_at = $2", ANN, NOON
    )

    await hear(pool, client.term(1, LATER).now())

    moved = await the_renewal(pool)
    assert (moved.starts, moved.status, moved.decided_by) == (LATER, Status.RENEWED, ANN)
    assert moved.next_stage == "outcome"


async def test_a_term_that_moves_alone_parts_from_its_renewal(pool: Pool) -> None:
    client = AClient().term(1).term(2).term(3)
    await hear(pool, APartner().now(), client.now())
    before = await the_renewal(pool)

    await hear(pool, client.term(3, LATER).now())

    stayed, parted = await all_of(pool)
    assert (stayed.renewal_id, stayed.starts, len(stayed.products)) == (before.renewal_id, START, 2)
    assert (parted.starts, len(parted.products)) == (LATER, 1)
    [change] = await published(pool, RenewalTermsChanged)
    assert change.current_mrr == Decimal("200.00")
    assert len(await published(pool, RenewalScheduled)) == 2


async def test_where_all_terms_part_the_most_of_them_keep_the_renewal(pool: Pool) -> None:
    client = AClient().term(1).term(2).term(3)
    await hear(pool, APartner().now(), client.now())
    before = await the_renewal(pool)

    await hear(pool, client.term(1, START - timedelta(3)).term(2, LATER).term(3, LATER).now())

    alone, together = await all_of(pool)
    assert (together.renewal_id, together.starts) == (before.renewal_id, LATER)
    assert alone.renewal_id != before.renewal_id


async def test_terms_that_meet_stand_in_one_renewal_and_the_other_is_withdrawn(pool: Pool) -> None:
    client = AClient().term(1).term(2, LATER)
    await hear(pool, APartner().now(), client.now())
    first, second = await all_of(pool)

    await hear(pool, client.term(1, LATER).now())

    left = await the_renewal(pool)
    assert (left.renewal_id, len(left.products)) == (second.renewal_id, 2)
    [gone] = await published(pool, RenewalWithdrawn)
    assert (gone.renewal_id, gone.renewal_start) == (first.renewal_id, START)
    assert [r.renewal_id for r in (await last_snapshot(pool)).renewals] == [second.renewal_id]


async def test_two_renewals_may_change_places(pool: Pool) -> None:
    client = AClient().term(1).term(2, LATER)
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.term(1, LATER).term(2, NEXT_YEAR).now())

    assert [r.starts for r in await all_of(pool)] == [LATER, NEXT_YEAR]
    assert not await published(pool, RenewalWithdrawn)


async def test_a_renewal_withdrawn_and_wanted_again_is_the_same(pool: Pool) -> None:
    client = AClient().term(1)
    await hear(pool, APartner().now(), client.now())
    before = await the_renewal(pool)
    await hear(pool, client.without(1).now())
    assert await all_of(pool) == []
    assert (await last_snapshot(pool)).renewals == ()

    await hear(pool, client.term(1).now())

    after = await the_renewal(pool)
    assert (after.renewal_id, after.version, after.status) == (before.renewal_id, 3, "pending")
    assert [e.version for e in await published(pool, RenewalScheduled)] == [1, 3]


async def test_a_start_that_another_left_gets_a_renewal_with_an_id_of_its_own(pool: Pool) -> None:
    client = AClient().term(1)
    await hear(pool, APartner().now(), client.now())
    await hear(pool, client.term(1, LATER).now())

    await hear(pool, client.term(2, START).now())

    new, moved = await all_of(pool)
    assert (new.starts, moved.starts) == (START, LATER)
    assert new.renewal_id != moved.renewal_id


async def test_a_renewed_term_leads_to_the_next_renewal(pool: Pool) -> None:
    client = AClient().term(1)
    await hear(pool, APartner().now(), client.now())
    first = await the_renewal(pool)

    started = NOON.replace(month=6, day=2)
    await hear(pool, client.term(1, NEXT_YEAR, begins=START).now(at=started))

    past, following = await all_of(pool)
    assert (past.renewal_id, past.starts) == (first.renewal_id, START)
    assert [p.current_mrr for p in past.products] == [Decimal("100.00")]
    assert (following.starts, following.renewal_id != first.renewal_id) == (NEXT_YEAR, True)
    assert not await published(pool, RenewalMoved)


async def test_a_term_renewed_early_stays_in_its_renewal_and_gets_the_next(pool: Pool) -> None:
    client = AClient().term(1).term(2)
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.term(1, NEXT_YEAR, begins=START, mrr="500.00").now())

    present, following = await all_of(pool)
    assert [p.current_mrr for p in present.products] == [Decimal("100.00"), Decimal("100.00")]
    assert (following.starts, following.current_mrr) == (NEXT_YEAR, Decimal("500.00"))

    await hear(pool, client.without(2).now())
    present, _ = await all_of(pool)
    assert [p.product for p in present.products] == ["Product 1"]


async def test_a_term_that_is_over_leads_to_no_renewal_until_it_is_corrected(pool: Pool) -> None:
    client = AClient().term(1, date(2025, 12, 1))
    await hear(pool, APartner().now(), client.now())
    assert await all_of(pool) == []

    await hear(pool, client.term(1).now())
    assert (await the_renewal(pool)).starts == START


async def test_another_price_is_told_with_old_and_new_figures(pool: Pool) -> None:
    client = AClient().term(1, mrr="100.00")
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.term(1, mrr="120.00").now())

    [change] = await published(pool, RenewalTermsChanged)
    assert (change.current_mrr, change.renewal_mrr) == (Decimal("120.00"), Decimal("120.00"))
    assert (change.version, (await the_renewal(pool)).version) == (2, 2)


async def test_another_currency_is_another_price_of_the_same_renewal(pool: Pool) -> None:
    client = AClient().term(1)
    await hear(pool, APartner().now(), client.now())
    before = await the_renewal(pool)

    await hear(pool, client.term(1, currency="EUR").now())

    after = await the_renewal(pool)
    assert (after.renewal_id, after.currency) == (before.renewal_id, "EUR")
    [change] = await published(pool, RenewalTermsChanged)
    assert change.currency == "EUR"


async def test_use_beyond_a_limit_raises_a_contract_change_once(pool: Pool) -> None:
    over = clients.Allowance(limit=1000, used=1200, tier="Professional 1,000")
    sends = clients.Allowance(limit=10_000, used=10_001)
    client = AClient(contacts=over, sends=sends).term(1, currency="EUR")
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.now(contacts=over.model_copy(update={"used": 900})))
    await hear(pool, client.now(contacts=over, at=NOON + timedelta(days=1)))

    upgrade, overage = [r for r in await all_of(pool) if r.kind is not Kind.RENEWAL][::1]
    assert (upgrade.kind, overage.kind) == (Kind.CONTACT_TIER_UPGRADE, Kind.EMAIL_OVERAGE)
    assert upgrade.starts == NOON.date() + timedelta(days=30)
    assert upgrade.deadline == upgrade.starts - timedelta(days=14)
    assert (upgrade.products[0].product, overage.products[0].product) == (
        "Professional 1,000",
        "Email sends",
    )
    assert (upgrade.status, upgrade.currency) == (Status.PENDING, "EUR")
    assert upgrade.current_mrr == upgrade.renewal_mrr == 0
    assert upgrade.next_stage == "entered"


async def test_a_change_that_is_settled_is_not_raised_again_before_it_takes_effect(
    pool: Pool, clock: ManualClock
) -> None:
    over = clients.Allowance(limit=1, used=2)
    client = AClient(contacts=over, sends=over)
    await hear(pool, APartner().now(), client.now())
    await watch_until(pool, clock, NOON + timedelta(days=17))
    raised = await all_of(pool)
    assert [r.status for r in raised] == [Status.RENEWED, Status.RENEWED]
    said = await stages_told(pool)

    for hours in range(3):
        await hear(pool, client.now(at=clock.now() + timedelta(hours=hours)))
        await watch(pool, clock)

    assert [r.renewal_id for r in await all_of(pool)] == [r.renewal_id for r in raised]
    assert await stages_told(pool) == said


async def test_use_that_goes_on_beyond_the_limit_raises_the_next_change(pool: Pool) -> None:
    over = clients.Allowance(limit=1, used=2)
    client = AClient(contacts=over)
    await hear(pool, APartner().now(), client.now())

    await hear(pool, client.now(at=NOON + timedelta(days=30)))

    first, second = await all_of(pool)
    assert (first.currency, second.starts - first.starts) == ("USD", timedelta(days=30))


async def test_the_default_option_of_a_quote_gives_the_renewal_mrr(pool: Pool) -> None:
    def quote(option: str, product: str, mrr: str, *, default: bool = False) -> Quote:
        return Quote(
            client_id=CLIENT,
            partner_id=PARTNER,
            starts=START,
            option=option,
            product=product,
            renewal_mrr=Decimal(mrr),
            currency="USD",
            default=default,
        )

    async with pool.acquire() as tx:
        await store.save_quotes(
            tx,
            [
                quote("A: upgrade", "Product 1", "300.00"),
                quote("B: stay", "product 1", "90.00", default=True),
                quote("B: stay", "Service Hub", "40.00", default=True),
            ],
        )
    client = AClient().term(1, mrr="100.00").term(2, mrr="20.00")
    await hear(pool, APartner().now(), client.now())

    renewal = await the_renewal(pool)
    assert [option.name for option in renewal.options] == ["B: stay", "A: upgrade"]
    assert (renewal.current_mrr, renewal.renewal_mrr) == (Decimal("120.00"), Decimal("150.00"))
    assert [(p.product, str(p.current_mrr), str(p.renewal_mrr)) for p in renewal.products] == [
        ("Product 1", "100.00", "90.00"),
        ("Product 2", "20.00", "20.00"),
        ("Service Hub", "0.00", "40.00"),
    ]
    assert renewal.options[1].renewal_mrr == Decimal("320.00")
    [offered] = await published(pool, RenewalTermsChanged)
    assert len(offered.options) == 2

    await hear(pool, client.term(1, LATER).term(2, LATER, mrr="20.00").now())
    moved = await the_renewal(pool)
    assert (moved.renewal_mrr, moved.options) == (renewal.renewal_mrr, renewal.options)


async def test_a_quote_in_another_currency_is_no_price_for_it(pool: Pool) -> None:
    async with pool.acquire() as tx:
        quote = Quote(
            client_id=CLIENT,
            partner_id=PARTNER,
            starts=START,
            option="Stay",
            product="Product 1",
            renewal_mrr=Decimal("90.00"),
            currency="USD",
        )
        assert await store.save_quotes(tx, [quote]) == [(CLIENT, True)]
        assert await store.save_quotes(tx, [quote]) == []
    client = AClient().term(1)
    await hear(pool, APartner().now(), client.now())
    assert (await the_renewal(pool)).renewal_mrr == Decimal("90.00")

    await hear(pool, client.term(1, currency="EUR").now())

    renewal = await the_renewal(pool)
    assert (renewal.options, renewal.renewal_mrr) == ((), Decimal("100.00"))


async def test_without_services_a_new_renewal_is_nothing_to_decide(pool: Pool) -> None:
    await hear(pool, APartner().now(), AClient(active=False).term(1).now())

    assert (await the_renewal(pool)).status is Status.ENDED
