"""What the clients service decides; pure."""

from services.clients.domain import figures, links, values
from services.clients.domain.change import Change, facts
from services.clients.domain.client import (
    MOST_CONTACTS,
    MOST_SUBSCRIPTIONS,
    Client,
    EmailUse,
    add_contact,
    add_subscription,
    compare,
    end_services,
    record_allowances,
    record_app_usage,
    register,
    remove_contact,
    remove_subscription,
    replace_contact,
    replace_subscription,
    resume_services,
    set_relationship,
)
from services.clients.domain.partner import (
    Partner,
    compare_partner,
    deactivate_user,
    move_to_time_zone,
    reactivate_user,
    register_partner,
)
from services.clients.domain.refused import Refused

__all__ = [
    "MOST_CONTACTS",
    "MOST_SUBSCRIPTIONS",
    "Change",
    "Client",
    "EmailUse",
    "Partner",
    "Refused",
    "add_contact",
    "add_subscription",
    "compare",
    "compare_partner",
    "deactivate_user",
    "end_services",
    "facts",
    "figures",
    "links",
    "move_to_time_zone",
    "reactivate_user",
    "record_allowances",
    "record_app_usage",
    "register",
    "register_partner",
    "remove_contact",
    "remove_subscription",
    "replace_contact",
    "replace_subscription",
    "resume_services",
    "set_relationship",
    "values",
]
