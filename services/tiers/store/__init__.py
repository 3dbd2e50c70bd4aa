"""What the tiers service remembers; all its SQL."""

from services.tiers.store.partners import (
    due_partners,
    find_partner,
    list_partner_ids,
    list_zones,
    lock_known_partners,
    lock_partners,
    save_partners,
    save_reviews,
)
from services.tiers.store.replica import (
    list_accounts_turning,
    list_clients,
    list_clients_of,
    list_worth,
    list_worth_of,
    lock_accounts,
    lock_clients,
    lock_known_clients,
    save_clients,
    save_worth,
)
from services.tiers.store.rules import find_book, save_rates, save_rule_set

__all__ = [
    "due_partners",
    "find_book",
    "find_partner",
    "list_accounts_turning",
    "list_clients",
    "list_clients_of",
    "list_partner_ids",
    "list_worth",
    "list_worth_of",
    "list_zones",
    "lock_accounts",
    "lock_clients",
    "lock_known_clients",
    "lock_known_partners",
    "lock_partners",
    "save_clients",
    "save_partners",
    "save_rates",
    "save_reviews",
    "save_rule_set",
    "save_worth",
]
