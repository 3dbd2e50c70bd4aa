"""Which contract changes follow from what a client has: made, moved, split, repriced, withdrawn."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count
from typing import NamedTuple
from uuid import UUID

from services.renewals.domain import quotes as offers
from services.renewals.domain.dates import DAY
from services.renewals.domain.kinds import HORIZON, Kind, Status
from services.renewals.domain.policies import Client, Partner
from services.renewals.domain.quotes import Quote
from services.renewals.domain.renewals import (
    NOTHING,
    Decision,
    Renewal,
    end,
    move,
    offer,
    reopen,
    schedule,
    standing,
    withdraw,
)
from shared.contracts import ids
from shared.contracts.clients import Allowance, Subscription
from shared.contracts.event import Event
from shared.contracts.renewals import Product


class Slot(NamedTuple):
    """Where a product belongs: one renewal for each start, and for each currency of that start."""

    starts: date
    currency: str


@dataclass(slots=True, kw_only=True)
class Book:
    """A client's contract changes while what is known of it is brought up to date.

    ``today`` is the partner's day at ``at``. A book that was ``touched`` has something new to
    tell in the client's snapshot, even where no contract change has an event.
    """

    client: Client
    partner: Partner
    at: datetime
    renewals: dict[UUID, Renewal]
    quotes: Sequence[Quote] = ()
    events: list[Event] = field(default_factory=list)
    touched: bool = False

    @property
    def today(self) -> date:
        """The partner's calendar day."""
        return self.partner.today(self.at)

    def keep(self, decision: Decision) -> Renewal:
        """Take over a decision and what it says."""
        renewal, events = decision
        self.renewals[renewal.renewal_id] = renewal
        self.events += events
        return renewal

    def new_id(self, kind: Kind, starts: date) -> UUID:
        """An id that none of the client's changes has or ever had."""
        day = starts.isoformat()
        firsts = (day if number == 1 else f"{day}#{number}" for number in count(1))
        made = (ids.renewal_id(self.client.client_id, kind, first) for first in firsts)
        return next(each for each in made if each not in self.renewals)

    @property
    def first_status(self) -> Status:
        """How a change begins: without services there is nothing for the partner to decide."""
        return Status.PENDING if self.client.services.active else Status.ENDED


def follow_services(book: Book) -> None:
    """End what is pending where services ended; reopen it where they were resumed in time."""
    for renewal in list(book.renewals.values()):
        if book.client.services.active:
            book.keep(reopen(renewal, book.client.services.period, book.today, book.at))
        else:
            book.keep(end(renewal, book.client.services.period, book.at))


def follow_terms(book: Book, subscriptions: Sequence[Subscription]) -> None:
    """Bring the renewals in line with the terms.

    A renewal starts on the day after a term's last; what has started is history. A subscription
    whose term begins where its renewal starts was renewed: it stays in that renewal and gets
    another for its next term. All others of a renewal take it along when they move, the most of
    them where they part; who parts from it gets a renewal of its own.
    """
    wanted: dict[Slot, list[Subscription]] = {}
    for subscription in subscriptions:
        slot = Slot(subscription.term_end + DAY, subscription.currency)
        if slot.starts > book.today:
            wanted.setdefault(slot, []).append(subscription)
    ahead = _ahead(book)
    renewed = {r.renewal_id: _renewed(r, subscriptions) for r in ahead}
    slots = {s.subscription_id: slot for slot, held in wanted.items() for s in held}
    seats = _seats(ahead, slots, renewed)
    seated = {renewal.renewal_id for renewal in seats.values()}
    for renewal in ahead:
        if renewal.renewal_id not in seated:
            _leave_behind(book, renewal, renewed[renewal.renewal_id])
    for slot in sorted(wanted):
        products = tuple(map(_product, sorted(wanted[slot], key=_by_product)))
        if slot in seats:
            moved = book.keep(move(seats[slot], slot.starts, book.today, book.at))
            products = renewed[moved.renewal_id] + products
            _put_up(book, moved, products, currency=slot.currency)
        else:
            _make(book, slot, products)


def follow_quotes(book: Book) -> None:
    """Bring prices and options in line with the quotes."""
    for renewal in _ahead(book):
        products = tuple(p for p in renewal.products if p.subscription_id is not None)
        _put_up(book, renewal, products)


def follow_allowances(book: Book, contacts: Allowance | None, sends: Allowance | None) -> None:
    """Raise a tier upgrade or an overage where more is used than the limit allows.

    One of a kind stands at a time; it stays until it is decided, or takes effect by itself.
    """
    for kind, allowance, name in (
        (Kind.CONTACT_TIER_UPGRADE, contacts, "Contacts"),
        (Kind.EMAIL_OVERAGE, sends, "Email sends"),
    ):
        if allowance is None or allowance.used <= allowance.limit:
            continue
        if any(r.kind is kind and r.starts > book.today for r in book.renewals.values()):
            continue
        starts = book.today + HORIZON[kind]
        raised = Renewal(
            renewal_id=book.new_id(kind, starts),
            client_id=book.client.client_id,
            partner_id=book.client.partner_id,
            kind=kind,
            starts=starts,
            currency=_main_currency(book.renewals.values()),
            status=book.first_status,
            products=(
                Product(product=allowance.tier or name, current_mrr=NOTHING, renewal_mrr=NOTHING),
            ),
        )
        book.keep(schedule(raised, book.at))


def _ahead(book: Book) -> list[Renewal]:
    found = (
        r
        for r in book.renewals.values()
        if r.kind is Kind.RENEWAL and r.status is not Status.WITHDRAWN and r.starts > book.today
    )
    return sorted(found, key=lambda r: (r.starts, r.renewal_id))


def _renewed(renewal: Renewal, subscriptions: Iterable[Subscription]) -> tuple[Product, ...]:
    """Those of its products whose next term is already known."""
    begun = {
        s.subscription_id for s in subscriptions if renewal.starts <= s.term_start <= s.term_end
    }
    return tuple(product for product in renewal.products if product.subscription_id in begun)


def _seats(
    ahead: Sequence[Renewal],
    slots: Mapping[UUID, Slot],
    renewed: Mapping[UUID, tuple[Product, ...]],
) -> dict[Slot, Renewal]:
    """Which renewal stands at which slot.

    Where some of its products remain it stays, and where one of them was renewed already it
    must. The others go with most of theirs. Who has none left serves whoever comes.
    """
    own = {r.renewal_id: Slot(r.starts, r.currency) for r in ahead}
    going = {r.renewal_id: _going(r, slots) for r in ahead}
    wanted = set(slots.values())
    seats: dict[Slot, Renewal] = {}
    for renewal in ahead:
        slot = own[renewal.renewal_id]
        if slot in going[renewal.renewal_id] or (renewed[renewal.renewal_id] and slot in wanted):
            seats[slot] = renewal
    left = [r for r in ahead if own[r.renewal_id] not in seats or seats[own[r.renewal_id]] is not r]
    for renewal in left:
        choices = going[renewal.renewal_id].items() if not renewed[renewal.renewal_id] else ()
        for slot, _ in sorted(choices, key=lambda each: (-each[1], each[0])):
            if slot not in seats:
                seats[slot] = renewal
                break
        else:
            if own[renewal.renewal_id] in wanted:
                seats.setdefault(own[renewal.renewal_id], renewal)
    return seats


def _going(renewal: Renewal, slots: Mapping[UUID, Slot]) -> Counter[Slot]:
    """Where its products belong now, and how many at each place."""
    named = (product.subscription_id for product in renewal.products)
    return Counter(slots[each] for each in named if each is not None and each in slots)


def _leave_behind(book: Book, renewal: Renewal, products: tuple[Product, ...]) -> None:
    if products:
        _put_up(book, renewal, products)
    else:
        book.keep(withdraw(renewal, book.at))


def _put_up(
    book: Book, renewal: Renewal, products: tuple[Product, ...], currency: str | None = None
) -> None:
    money = currency or renewal.currency
    day, found = offers.standing_for(book.quotes, renewal.starts, renewal.quoted_for, money)
    options = offers.options(renewal.renewal_id, found, products)
    quoted = replace(renewal, quoted_for=day)
    book.keep(offer(quoted, products, options, book.at, currency=money))


def _make(book: Book, slot: Slot, products: tuple[Product, ...]) -> None:
    """Make the renewal of a slot, or take up again the one that was withdrawn there."""
    gone = next(
        (
            r
            for r in book.renewals.values()
            if r.status is Status.WITHDRAWN and (r.starts, r.currency) == slot
        ),
        None,
    )
    renewal_id = gone.renewal_id if gone else book.new_id(Kind.RENEWAL, slot.starts)
    before = gone.quoted_for if gone else None
    day, found = offers.standing_for(book.quotes, slot.starts, before, slot.currency)
    options = offers.options(renewal_id, found, products)
    begun = Renewal(
        renewal_id=renewal_id,
        client_id=book.client.client_id,
        partner_id=book.client.partner_id,
        kind=Kind.RENEWAL,
        starts=slot.starts,
        currency=slot.currency,
        status=book.first_status,
        products=standing(products, options, None),
        options=options,
        quoted_for=day,
        version=gone.version + 1 if gone else 1,
    )
    book.keep(schedule(begun, book.at))
    if options:
        _announce_options(book, begun)


def _announce_options(book: Book, renewal: Renewal) -> None:
    bare = replace(renewal, options=())
    book.keep(offer(bare, renewal.products, renewal.options, book.at))


def _product(subscription: Subscription) -> Product:
    return Product(
        subscription_id=subscription.subscription_id,
        product=subscription.product,
        current_mrr=subscription.mrr,
        renewal_mrr=subscription.mrr,
    )


def _by_product(subscription: Subscription) -> tuple[str, UUID]:
    return subscription.product, subscription.subscription_id


def _main_currency(renewals: Iterable[Renewal]) -> str:
    """The currency of most products, for a change that has no price yet."""
    counted = Counter[str]()
    for renewal in renewals:
        counted[renewal.currency] += len(renewal.products)
    return min(counted, key=lambda code: (-counted[code], code)) if counted else "USD"
