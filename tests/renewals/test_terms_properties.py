"""Whatever terms follow each other, the renewals are exactly those that the terms ask for."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as some

from services.renewals.domain import Book, Client, Partner, Renewal, Status
from services.renewals.domain.terms import follow_terms
from shared.contracts import ids
from shared.contracts.clients import Subscription
from shared.contracts.event import Event
from tests.renewals.portfolio import CLIENT, NOON, PARTNER

TODAY = NOON.date()
CLIENT_NOW = Client(client_id=CLIENT, partner_id=PARTNER)

subscriptions = some.builds(
    lambda number, renews, began, currency, mrr: Subscription(
        subscription_id=ids.subscription_id(1, number),
        product=f"Product {number}",
        mrr=Decimal(mrr),
        currency=currency,
        term_start=TODAY + timedelta(days=began),
        term_end=TODAY + timedelta(days=renews - 1),
    ),
    some.integers(1, 5),
    some.sampled_from([-30, 0, 30, 60, 90]),
    some.sampled_from([-400, 30, 60]),
    some.sampled_from(["EUR", "USD"]),
    some.integers(1, 9),
)
portfolios = some.lists(subscriptions, max_size=5, unique_by=lambda s: s.subscription_id)


def follow(renewals: dict, terms: list[Subscription]) -> tuple[dict, list[Event]]:  # type: ignore[type-arg]
    book = Book(
        client=CLIENT_NOW,
        partner=Partner(partner_id=PARTNER, partner_version=1),
        at=NOON,
        renewals=dict(renewals),
    )
    follow_terms(book, terms)
    return book.renewals, book.events


@settings(max_examples=300)
@given(some.lists(portfolios, min_size=1, max_size=6))
def test_each_product_stands_once_where_its_term_says(history: list[list[Subscription]]) -> None:
    renewals: dict = {}  # type: ignore[type-arg]
    told = Counter[object]()
    for terms in history:
        before = renewals
        renewals, events = follow(before, terms)

        standing = [r for r in renewals.values() if r.status is not Status.WITHDRAWN]
        slots = Counter((r.starts, r.currency) for r in standing)
        assert not slots or max(slots.values()) == 1
        for term in terms:
            start = term.term_end + timedelta(days=1)
            places = [r for r in standing if r.holds(term.subscription_id) and r.starts == start]
            assert len(places) == (1 if start > TODAY else 0)
            for place in places:
                assert place.currency == term.currency
                [product] = [p for p in place.products if p.subscription_id == term.subscription_id]
                assert product.current_mrr == term.mrr
        _each_version_is_told_once(before, renewals, events, told)

        again, nothing = follow(renewals, terms)
        assert (again, nothing) == (renewals, [])


def _each_version_is_told_once(
    before: dict[object, Renewal],
    after: dict[object, Renewal],
    events: list[Event],
    told: Counter[object],
) -> None:
    for event in events:
        told[event.subject] += 1
        assert event.version == told[event.subject]
    for renewal_id, renewal in after.items():
        assert renewal.version == told[str(renewal_id)]
        if renewal_id in before and before[renewal_id].starts != renewal.starts:
            assert date.min < renewal.starts > TODAY
